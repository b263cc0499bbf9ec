package remote

import (
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
)

// TestProcessIsABoard holds a board host in Python, whose simulator shares nothing with ours, to the contract.
func TestProcessIsABoard(t *testing.T) {
	host := startHost(t, simulatorPython(t))
	hwtest.Run(t, func(t *testing.T) hw.Board { return dial(t, Options{URL: host.url}) })
	b := dial(t, Options{URL: host.url})
	if r := hwtest.Load(t, b, hwtest.Network()).Report(); !r.Exact || b.Name() != "remote-simulator" {
		t.Errorf("%s: %+v", b.Name(), r)
	}
}
