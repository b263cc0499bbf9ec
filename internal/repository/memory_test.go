package repository

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestCostBoundsWhatAModelKeeps measures the shipped models, which are of all kinds that there are.
func TestCostBoundsWhatAModelKeeps(t *testing.T) {
	for _, name := range models.Names() {
		file, err := models.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tier := range spike.Kernels() {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			m, err := model.Decode(t.Context(), file, model.DecodeOptions{Kernel: tier})
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			if keeps, _ := cost(int64(len(file))); kept > keeps {
				t.Errorf("%s on %s keeps %d bytes, %.1f times its file, planned are %d", name, tier, kept, float64(kept)/float64(len(file)), keeps)
			}
			runtime.KeepAlive(m)
		}
	}
}

func TestMemoryOfReplacedModelsIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	_, takes := cost(int64(len(modelFileOf("tiny-gated", "1.0.0", 0))))
	r, _ := open(t, dir, func(o *Options) { o.Memory = 3 * takes })
	held, _ := r.Memory()
	under := r.Catalogue() // as a request has it
	for i := range 20 {
		putModel(t, dir, "tiny-gated", "1.0.0", float64(i+1))
		refresh(t, r)
		if s := status(t, r, "tiny-gated", "1.0.0"); s.Reason != "" {
			t.Fatal(s.Reason)
		}
	}
	if under.Default().Description().Calibration.Intercept != 0 {
		t.Error("the model of the request has changed")
	}
	if now, limit := r.Memory(); now > limit {
		t.Errorf("holds %d of %d bytes", now, limit)
	}
	runtime.KeepAlive(under)
	under = nil
	deadline := time.Now().Add(10 * time.Second)
	for now, _ := r.Memory(); now > held+1000; now, _ = r.Memory() { // the files differ by digits
		if time.Now().After(deadline) {
			t.Fatalf("holds %d bytes, %d at first", now, held)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

func TestAModelThatThereIsNoRoomForIsNotLoaded(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	_, takes := cost(int64(len(modelFileOf("tiny-gated", "1.0.0", 0))))
	r, _ := open(t, dir, func(o *Options) { o.Memory = takes + 100 })
	putModel(t, dir, "tiny-gated", "2.0.0", 0)
	refresh(t, r)
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	if s := status(t, r, "tiny-gated", "2.0.0"); !strings.Contains(s.Reason, "MiB") {
		t.Errorf("%+v", s)
	}
}
