package pipeline

import (
	"sync"

	"github.com/spikeray/spikeray/internal/drift"
	"github.com/spikeray/spikeray/internal/rates"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/pkg/model"
)

// Entry is one model that can be asked.
type Entry struct {
	*model.Model
	// Card is the model's card in Markdown, empty when it has none.
	Card string
	// Rates are how often the model's neurons fire on pictures that it has not learnt from; nil where that is not known.
	Rates *rates.Reference
	// Shipped tells whether the model came with the program, not from a file.
	Shipped bool
	// Site is the place's calibration that is in force, nil for the model's own.
	// The Model's description then has it; [Entry.FileDescription] has not.
	Site *site.Calibration
	file *model.Description // the file's own, where Site is in force

	took  Average  // in all steps
	early sync.Map // by fewer steps, *Average

	began  sync.Once
	window *drift.Window
}

// Took is how long preparing pictures and answering them in so many steps took; 0 is all of them.
func (e *Entry) Took(steps int) *Average {
	if steps == 0 || steps >= e.MaxSteps() {
		return &e.took
	}
	if a, ok := e.early.Load(steps); ok {
		return a.(*Average)
	}
	a, _ := e.early.LoadOrStore(steps, new(Average))
	return a.(*Average)
}

// Window is the latest pictures that the model has answered, nil for a model without a reference. It begins empty.
func (e *Entry) Window() *drift.Window {
	e.began.Do(func() { e.window = drift.NewWindow(e.Description()) })
	return e.window
}

// FileDescription is what the model's file says, whatever calibration is in force.
func (e *Entry) FileDescription() *model.Description {
	if e.file != nil {
		return e.file
	}
	return e.Description()
}

// Calibrated is the entry with a place's calibration in force. One that was made
// for another model is a [site.ErrOtherModel].
func (e *Entry) Calibrated(c *site.Calibration) (*Entry, error) {
	m, err := c.Apply(e.Model)
	if err != nil {
		return nil, err
	}
	return &Entry{Model: m, Card: e.Card, Rates: e.Rates, Shipped: e.Shipped, Site: c, file: e.FileDescription()}, nil
}

// Name is the model's name, as its description has it.
func (e *Entry) Name() string { return e.Description().Name }
