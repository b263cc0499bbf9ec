package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/drift"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func (s *service) drift(model string) (d driftDocument) {
	s.t.Helper()
	a := s.get("/v1/models/" + model + "/drift")
	if a.status != 200 {
		s.t.Fatalf("%d %s", a.status, a.body)
	}
	a.decode(s.t, &d)
	return d
}

func TestAnsweredPicturesComeIntoTheWindow(t *testing.T) {
	s := start(t, nil)
	if d := s.drift("tiny-gated"); d.State != drift.Filling || d.Window.Pictures != 0 || len(d.Measures) != 3 {
		t.Errorf("after the start: %+v", d)
	}
	if d := s.drift("tiny-rows"); d.State != drift.NoReference || d.Model.Name != "tiny-rows" {
		t.Errorf("a model without a reference: %+v", d)
	}
	for i := range drift.Minimum {
		s.post("?model=tiny-gated", testmodel.PNG(64, 48, uint64(i)))
	}
	s.post("?model=tiny-gated", []byte("no picture"))
	s.post("?model=tiny-rows", testmodel.PNG(64, 48, 1))
	d := s.drift("tiny-gated")
	if d.Window.Pictures != drift.Minimum || d.State != drift.Steady || d.PositiveShare == nil || len(d.Estimates) != 3 { // both methods at balanced, the calibration's own at screening
		t.Errorf("%+v", d)
	}
	for _, m := range d.Measures {
		if m.Pictures != drift.Minimum || m.PSI == nil {
			t.Errorf("%+v", m)
		}
	}
	if d := s.drift("tiny-early"); d.Window.Pictures != 0 {
		t.Errorf("another model's pictures: %+v", d.Window)
	}
}

func TestDarkPicturesAreDrift(t *testing.T) {
	s := start(t, nil)
	for range drift.Minimum {
		s.post("?model=tiny-gated", testmodel.Shade(64, 48, 1, 0.05))
	}
	d := s.drift("tiny-gated")
	if d.State != drift.Drifted {
		t.Errorf("%+v", d)
	}
	if scrape := string(s.get("/metrics").body); !strings.Contains(scrape, `spikeray_drift_raised{measure="brightness",model="tiny-gated"} 1`) ||
		!strings.Contains(scrape, `spikeray_drift_window_pictures{model="tiny-early"} 0`) {
		t.Error("the metrics do not tell of it")
	}
}

func TestAnswersAfterFewerStepsAreLeftOutOfTheWindow(t *testing.T) {
	s := start(t, nil)
	s.post("?model=tiny-early", testmodel.PNG(64, 48, 1))
	for _, steps := range []int{1, 2, 3, 4} {
		s.post(fmt.Sprintf("?model=tiny-early&steps=%d", steps), testmodel.PNG(64, 48, 1))
	}
	if d := s.drift("tiny-early"); d.Window.Pictures != 2 {
		t.Errorf("%d pictures, two were answered after all steps", d.Window.Pictures)
	}
}
