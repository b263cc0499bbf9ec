package pipeline

import (
	"encoding/json"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
)

// The share of those who are ill among nobody is no number.
func TestPredictiveValuesOfNobodyAreNull(t *testing.T) {
	none, some, all := model.Estimate{High: 0.1}, model.Estimate{Value: 0.5, Low: 0.4, High: 0.6}, model.Estimate{Value: 1, Low: 0.9, High: 1}
	for name, c := range map[string]struct {
		sensitivity, specificity model.Estimate
		ppv, npv                 bool
	}{
		"nobody is called positive": {none, all, false, true}, "everybody is": {all, none, true, false}, "some are": {some, some, true, true},
	} {
		point := &model.OperatingPoint{Sensitivity: c.sensitivity, Specificity: c.specificity}
		p := newPrevalence(&model.Calibration{Prevalence: 0.5}, 0.5, 0.5, 0.1, point)
		text, err := json.Marshal(p)
		var told struct{ PPV, NPV *struct{ Value float64 } }
		if err == nil {
			err = json.Unmarshal(text, &told)
		}
		if err != nil || (told.PPV != nil) != c.ppv || (told.NPV != nil) != c.npv {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
}
