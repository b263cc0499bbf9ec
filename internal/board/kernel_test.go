package board

import (
	"errors"
	"log/slog"
	"reflect"
	"testing"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestTheSimulatorIsOnTheKernelAskedFor looks into it, since its answers are the same on each.
func TestTheSimulatorIsOnTheKernelAskedFor(t *testing.T) {
	s, _ := supervise(t, Options{Open: emulator, Kernel: "generic"})
	if _, err := s.Compile(t.Context(), hwtest.Network()); err != nil {
		t.Fatal(err)
	}
	tier := reflect.ValueOf(s.simulation()).Elem().FieldByName("tier").Field(0)
	if tier.Pointer() != reflect.ValueOf(kernel.Generic()).Field(0).Pointer() {
		t.Error("it is on another")
	}
	abacus := Options{Name: "loihi", Open: emulator, Kernel: "abacus", Log: slog.New(slog.DiscardHandler)}
	_, keeping := New(t.Context(), abacus)
	_, trying := Test(t.Context(), abacus, hwtest.Network())
	for _, err := range []error{keeping, trying} {
		if !errors.Is(err, spike.ErrKernel) {
			t.Errorf("%v, want ErrKernel", err)
		}
	}
}
