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

var (
	// ErrUnknownModel says that no model has the name asked for.
	ErrUnknownModel = errors.New("no such model")
	// ErrUnknownVersion says that the version asked for of a model is not loaded.
	ErrUnknownVersion = errors.New("no such version of the model")
)

// Catalogue is the set of models a server answers with. It does not change
// after it was opened and is safe for concurrent use.
type Catalogue struct {
	entries []*Entry // one of each name, the default first
	others  []*Entry // further versions, which answer only those who name them
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

// With is the catalogue with further versions of its models, which answer only those who name them.
func (c *Catalogue) With(others ...*Entry) *Catalogue { return &Catalogue{c.entries, others} }

// Catalogue is the catalogue itself, which does not change.
func (c *Catalogue) Catalogue() *Catalogue { return c }

// Calibrated is the catalogue with places' calibrations in force, each on the
// model that it names. Two for one model are an error, and so is one for a model
// that is not there, or not in that version: [site.ErrOtherModel].
func (c *Catalogue) Calibrated(calibrations ...*site.Calibration) (*Catalogue, error) {
	out := &Catalogue{c.All(), c.others}
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

// All lists the models, the default first, each in the version that answers those who name none.
func (c *Catalogue) All() []*Entry { return slices.Clone(c.entries) }

// Others lists the further versions.
func (c *Catalogue) Others() []*Entry { return slices.Clone(c.others) }

// Get returns the model of that name or [ErrUnknownModel].
func (c *Catalogue) Get(name string) (*Entry, error) {
	for _, e := range c.entries {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, ErrUnknownModel
}

// Version returns a version of the model of that name, [ErrUnknownModel] or [ErrUnknownVersion].
func (c *Catalogue) Version(name, version string) (*Entry, error) {
	if _, err := c.Get(name); err != nil {
		return nil, err
	}
	for _, e := range slices.Concat(c.entries, c.others) {
		if e.Name() == name && e.Description().Version == version {
			return e, nil
		}
	}
	return nil, ErrUnknownVersion
}

// Versions lists the versions of a model that are loaded, the one that answers those who name none first.
func (c *Catalogue) Versions(name string) (versions []*Entry) {
	for _, e := range slices.Concat(c.entries, c.others) {
		if e.Name() == name {
			versions = append(versions, e)
		}
	}
	return versions
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
