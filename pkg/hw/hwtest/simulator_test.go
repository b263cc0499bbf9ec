package hwtest_test

import (
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
)

func TestSimulatorIsABoard(t *testing.T) {
	hwtest.Run(t, func(*testing.T) hw.Board { return hwtest.Simulator() })
}
