package remote

import (
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
)

func lavaPython(t *testing.T) string { return python(t, "SPIKERAY_LAVA_PYTHON", "lava.magma") }

// TestLavaIsABoard holds Lava's bit-accurate simulation of Loihi, behind a board host, to the contract.
func TestLavaIsABoard(t *testing.T) {
	host := startHost(t, lavaPython(t), "--board", "lava")
	hwtest.Run(t, func(t *testing.T) hw.Board { return dial(t, Options{URL: host.url}) })
}
