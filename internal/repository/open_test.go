package repository

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/spike"
)

// board is a back end that nothing is put on.
type board struct{ spike.Backend }

func (board) Name() string { return "a board" }

func TestWhatAServerMustHaveIsThereOrItDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "broken", "1.0.0", modelFile, []byte("no model"))
	putModel(t, dir, "pinned", "1.0.0", 0)
	if err := os.WriteFile(filepath.Join(dir, "pinned", CurrentFile), []byte("1.2.0"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"default is nowhere":       {func(o *Options) { o.Default = "none" }, "the default model none is not in the model repository"},
		"default is broken":        {func(o *Options) { o.Default = "broken" }, "the default model: model broken 1.0.0: model file: "},
		"default is not as pinned": {func(o *Options) { o.Default = "pinned" }, "the default model: model pinned 1.2.0: not in the model repository"},
		"shadow is nowhere":        {func(o *Options) { o.Shadow = Reference{"none", "1.0.0"} }, "the shadow: model none 1.0.0: not in the model repository"},
		"shadow is broken":         {func(o *Options) { o.Shadow = Reference{"broken", ""} }, "the shadow: model broken 1.0.0: model file: "},
		"shadow is the default":    {func(o *Options) { o.Shadow = Reference{"tiny-gated", ""} }, "the shadow: tiny-gated is the default model; name another version of it, as tiny-gated@VERSION"},
		"current is unreadable": {func(o *Options) {
			o.Dir = t.TempDir()
			putModel(t, o.Dir, "tiny-gated", "1.0.0", 0)
			if err := os.WriteFile(filepath.Join(o.Dir, "tiny-gated", CurrentFile), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, `the default model: model tiny-gated: the file current has "x"`},
		"folder is nowhere": {func(o *Options) { o.Dir = filepath.Join(o.Dir, "none") }, "no such file"},
		"a file's name is taken": {func(o *Options) {
			o.Base = pipeline.NewCatalogue(&pipeline.Entry{Model: testmodel.Gated(t)}, &pipeline.Entry{Model: testmodel.Rows(t)})
			o.Dir = t.TempDir()
			putModel(t, o.Dir, "tiny-gated", "1.0.0", 0)
		}, "model tiny-gated is of a file that the server was started with"},
		"nothing is for the board": {func(o *Options) { o.Backend = board{} }, "the default model on a board: model tiny-gated is not in the model repository"},
		"flags do not apply to the shipped one": {func(o *Options) {
			o.Accept = func(*pipeline.Entry, bool) error { return errors.New("no such operating point") }
		}, "the default model: model tiny-gated 0.1.0: no such operating point"},
	} {
		t.Run(name, func(t *testing.T) {
			opt, _ := options(t, dir)
			c.change(&opt)
			if _, err := Open(t.Context(), opt); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, expected %q", err, c.want)
			}
		})
	}
	if r, _ := open(t, t.TempDir(), nil); len(serves(r)) != 2 {
		t.Errorf("serves %q", serves(r))
	}
}

func TestAPinnedModelThatIsBadIsNotReplacedByTheShippedOne(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "tiny-rows", "1.0.0", modelFile, []byte("no model"))
	r, _ := open(t, dir, nil)
	expect(t, r, "tiny-gated 0.1.0", "tiny-rows 0.1.0")
	if err := os.WriteFile(filepath.Join(dir, "tiny-rows", CurrentFile), []byte("1.0.0"), 0o644); err != nil {
		t.Fatal(err)
	}
	refresh(t, r) // what served before serves on
	expect(t, r, "tiny-gated 0.1.0", "tiny-rows 0.1.0")
	r, _ = open(t, dir, nil)
	expect(t, r, "tiny-gated 0.1.0")
	if s := status(t, r, "tiny-rows", "1.0.0"); s.State != Unavailable || s.Reason == "" {
		t.Errorf("%+v", s)
	}
}

func TestAShadowIsLoadedBesideWhatServes(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	putModel(t, dir, "tiny-gated", "2.0.0-rc1", 1)
	r, _ := open(t, dir, func(o *Options) { o.Shadow = Reference{"tiny-gated", "2.0.0-rc1"} })
	var heard []string
	r.Hook(Hooks{Shadowed: func(e *pipeline.Entry) {
		if e == nil {
			heard = append(heard, "")
			return
		}
		heard = append(heard, e.Description().Version)
	}})
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	if _, err := r.Catalogue().Version("tiny-gated", "2.0.0-rc1"); !errors.Is(err, pipeline.ErrUnknownVersion) {
		t.Errorf("the shadow can be asked: %v", err)
	}
	if s := status(t, r, "tiny-gated", "2.0.0-rc1"); !s.Shadow || s.Serving || s.State != Ready {
		t.Errorf("%+v", s)
	}
	if err := os.RemoveAll(filepath.Join(dir, "tiny-gated", "2.0.0-rc1")); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	putModel(t, dir, "tiny-gated", "2.0.0-rc1", 2)
	refresh(t, r)
	if !slices.Equal(heard, []string{"2.0.0-rc1", "", "2.0.0-rc1"}) || r.Shadow().Description().Calibration.Intercept != 2 {
		t.Errorf("heard of %q", heard)
	}
}

// TestAModelThatIsHeldAnswersInNoOtherVersion looks at folders of its name that appear once it serves.
func TestAModelThatIsHeldAnswersInNoOtherVersion(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"board": func(o *Options) { o.Held = true },
		"file":  func(o *Options) { o.Base = pipeline.NewCatalogue(&pipeline.Entry{Model: testmodel.Gated(t)}) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r, _ := open(t, dir, func(o *Options) {
				change(o)
				o.Versions = 3
			})
			putModel(t, dir, "tiny-gated", "1.0.0", 0)
			refresh(t, r)
			if versions := r.Catalogue().Versions("tiny-gated"); len(versions) != 1 || versions[0].Description().Version != "0.1.0" {
				t.Errorf("%d versions answer", len(versions))
			}
			if s := status(t, r, "tiny-gated", "0.1.0"); !strings.Contains(s.Reason, "version 1.0.0") {
				t.Errorf("%+v", s)
			}
			if err := r.Load(t.Context(), "tiny-gated", "1.0.0"); !errors.Is(err, ErrConflict) {
				t.Errorf("%v", err)
			}
			if err := r.Load(t.Context(), "tiny-gated", "9.9.9"); !errors.Is(err, ErrNotFound) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestFlagsThatDoNotApplyKeepTheShippedModelAway once the folder's is gone.
func TestFlagsThatDoNotApplyKeepTheShippedModelAway(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	r, _ := open(t, dir, func(o *Options) {
		o.Accept = func(e *pipeline.Entry, isDefault bool) error {
			if isDefault && e.Shipped {
				return errors.New("no such operating point")
			}
			return nil
		}
	})
	if err := os.RemoveAll(filepath.Join(dir, "tiny-gated")); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
	var failed *LoadError
	if err := r.Load(t.Context(), "tiny-gated", "0.1.0"); !errors.As(err, &failed) || failed.Kind != KindFlags {
		t.Errorf("%v", err)
	}
}
