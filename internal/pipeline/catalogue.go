package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spikeray/spikeray/internal/rates"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// ErrUnknownModel says that no model has the name asked for.
var ErrUnknownModel = errors.New("no such model")

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

// Catalogue is the set of models a server answers with. It does not change
// after it was opened and is safe for concurrent use.
type Catalogue struct {
	entries []*Entry // the default first
}

// OpenModel opens one model: a shipped one by its name, else the file at that
// path. A name that is neither is [ErrUnknownModel]; a file that is not a good
// model file is a [*model.FormatError].
func OpenModel(ctx context.Context, nameOrPath string, opt model.DecodeOptions) (*Entry, error) {
	if slices.Contains(models.Names(), nameOrPath) {
		return openShipped(ctx, nameOrPath, opt)
	}
	e, err := OpenModelFile(ctx, nameOrPath, opt)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q is neither a shipped model (%q) nor a file", ErrUnknownModel, nameOrPath, models.Names())
	}
	return e, err
}

// OpenModelFile opens the model file at that path; see [OpenModel].
func OpenModelFile(ctx context.Context, path string, opt model.DecodeOptions) (*Entry, error) {
	m, err := openFile(ctx, path, opt)
	if err != nil {
		return nil, err
	}
	return &Entry{Model: m}, nil
}

// OpenCatalogue opens the models named, as in [OpenModel] shipped ones or files, the first of which is the default, and
// then every other shipped model. A file whose model has a shipped model's name takes its place; two of the models named
// must not have one name. The back end runs the default; the others stay on the simulator, since a board has one network.
func OpenCatalogue(ctx context.Context, named []string, opt model.DecodeOptions) (*Catalogue, error) {
	var entries []*Entry
	from := map[string]string{}
	for _, name := range named {
		e, err := OpenModel(ctx, name, opt)
		if err != nil {
			return nil, err
		}
		opt.Backend = nil
		if other, taken := from[e.Name()]; taken {
			return nil, fmt.Errorf("the models %s and %s have the same name, %s: a request could not choose between them", other, name, e.Name())
		}
		from[e.Name()] = name
		entries = append(entries, e)
	}
	for _, name := range models.Names() {
		if _, taken := from[name]; taken {
			continue
		}
		e, err := openShipped(ctx, name, model.DecodeOptions{Kernel: opt.Kernel})
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return NewCatalogue(entries...), nil
}

// NewCatalogue is a catalogue of the given models, the default first. At least
// one must be given.
func NewCatalogue(entries ...*Entry) *Catalogue {
	return &Catalogue{entries: entries}
}

// Calibrated is the catalogue with places' calibrations in force, each on the
// model that it names. Two for one model are an error, and so is one for a model
// that is not there, or not in that version: [site.ErrOtherModel].
func (c *Catalogue) Calibrated(calibrations ...*site.Calibration) (*Catalogue, error) {
	out := &Catalogue{c.All()}
	for _, calibration := range calibrations {
		name := calibration.Model.Name
		i := slices.IndexFunc(out.entries, func(e *Entry) bool { return e.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: it belongs to %s, and no model with that name is loaded", site.ErrOtherModel, calibration.Model)
		}
		if out.entries[i].Site != nil {
			return nil, fmt.Errorf("there are two calibrations for the model %s, expected at most one", name)
		}
		e, err := out.entries[i].Calibrated(calibration)
		if err != nil {
			return nil, err
		}
		out.entries[i] = e
	}
	return out, nil
}

// OpenCalibration reads a place's calibration file. What is wrong with it is a
// [site.ErrFile].
func OpenCalibration(path string) (*site.Calibration, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// One byte more than is allowed lets Parse see that there are too many.
	data, err := io.ReadAll(io.LimitReader(f, site.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c, err := site.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Default is the model that answers when none is named.
func (c *Catalogue) Default() *Entry { return c.entries[0] }

// All lists the models, the default first.
func (c *Catalogue) All() []*Entry { return slices.Clone(c.entries) }

// Get returns the model of that name or [ErrUnknownModel].
func (c *Catalogue) Get(name string) (*Entry, error) {
	for _, e := range c.entries {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, ErrUnknownModel
}

func openShipped(ctx context.Context, name string, opt model.DecodeOptions) (*Entry, error) {
	file, err := models.Open(name)
	if err != nil {
		return nil, fmt.Errorf("shipped model %s: %w", name, err)
	}
	m, err := model.Decode(ctx, file, opt)
	if err != nil {
		return nil, fmt.Errorf("shipped model %s: %w", name, err)
	}
	e := &Entry{Model: m, Shipped: true}
	e.Card, _ = models.Card(name)
	if file, ok := models.Rates(name); ok {
		if e.Rates, err = rates.Parse(file); err == nil {
			err = e.Rates.Check(m)
		}
		if err != nil {
			return nil, fmt.Errorf("shipped model %s: %w", name, err)
		}
	}
	return e, nil
}

func openFile(ctx context.Context, path string, opt model.DecodeOptions) (*model.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// One byte more than is allowed lets Decode see that there are too many.
	file, err := io.ReadAll(io.LimitReader(f, model.MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	m, err := model.Decode(ctx, file, opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
