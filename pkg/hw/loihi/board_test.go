package loihi

import (
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
)

func open(t *testing.T, o Options) hw.Board {
	t.Helper()
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIsABoard(t *testing.T) {
	for _, chip := range []Chip{Loihi1, Loihi2} {
		t.Run(chip.Name, func(t *testing.T) {
			hwtest.Run(t, func(t *testing.T) hw.Board { return open(t, Options{Chip: chip}) })
		})
	}
}
