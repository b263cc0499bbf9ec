package evidence

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testcontext"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// theDefault is the shipped model that answers when none is named.
func theDefault(t testing.TB) *model.Model {
	t.Helper()
	file, err := models.Open(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Decode(t.Context(), file, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// picture is a synthetic one of the model's size; each seed gives another.
func picture(m *model.Model, seed uint64) []uint8 {
	p := m.Description().Preparation
	return testmodel.Picture(p.Width, p.Height, seed).Pix
}

func explain(t testing.TB, m *model.Model, picture []uint8, opt Options) *Evidence {
	t.Helper()
	e, err := Explain(t.Context(), m, picture, opt)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func infer(t testing.TB, m *model.Model, picture []uint8, steps int) *model.Result {
	t.Helper()
	r, err := m.Infer(t.Context(), picture, model.Options{Steps: steps})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTheMapAddsUpToTheAnswer, whatever the picture. What is put down to rounding is no more than float32 can lose.
func TestTheMapAddsUpToTheAnswer(t *testing.T) {
	m := theDefault(t)
	pictures := uint64(1000)
	if testing.Short() {
		pictures = 100
	}
	for seed := range pictures {
		p := picture(m, seed)
		steps := int(seed % 3) // all, 1 and 2
		var counts spike.Train
		r, err := m.Infer(t.Context(), p, model.Options{Steps: steps, Counts: &counts})
		if err != nil {
			t.Fatal(err)
		}
		e := &Evidence{}
		e.activate(m, counts, r)
		a := e.Activation
		sum := a.Bias + a.Rounding
		for _, step := range a.Steps {
			for _, row := range step {
				for _, cell := range row {
					sum += cell
				}
			}
		}
		if a.LogOdds != r.LogOdds || !(math.Abs(sum-r.LogOdds) <= 1e-12) {
			t.Fatalf("picture %d: the cells add up to %v, the network says %v", seed, sum, r.LogOdds)
		}
		if math.Abs(a.Rounding) > 1e-5 {
			t.Fatalf("picture %d: %v is put down to rounding", seed, a.Rounding)
		}
	}
}

// TestACellHasItsOwnSpikes: each is computed again from the raster.
func TestACellHasItsOwnSpikes(t *testing.T) {
	m := theDefault(t)
	e := explain(t, m, picture(m, 5), Options{SpikesOnly: true, Raster: true})
	read, _ := m.Additive()
	last := e.raster[len(e.raster)-1]
	if last.Name != e.Activation.Layer || len(e.Activation.Steps) != m.MaxSteps() || len(e.Activation.Sum) != 8 || len(e.Activation.Sum[0]) != 8 {
		t.Fatalf("layer %s, %d steps", e.Activation.Layer, len(e.Activation.Steps))
	}
	for y := range 8 {
		for x := range 8 {
			both := 0.0
			for s := range m.MaxSteps() {
				want := 0.0
				for c, w := range read.Weights {
					want += w * float64(last.Raster.Counts[((s*8+y)*8+x)*len(read.Weights)+c])
				}
				want /= float64(m.MaxSteps() * 8 * 8)
				both += want
				if got := e.Activation.Steps[s][y][x]; math.Abs(got-want) > 1e-12 {
					t.Errorf("step %d, row %d, column %d: %v, expected %v", s, y, x, got, want)
				}
			}
			if got := e.Activation.Sum[y][x]; math.Abs(got-both) > 1e-12 {
				t.Errorf("row %d, column %d: %v over the steps, expected %v", y, x, got, both)
			}
		}
	}
}

// TestHiddenWindowsAreWhereTheySay hides windows by hand.
func TestHiddenWindowsAreWhereTheySay(t *testing.T) {
	m := theDefault(t)
	p := picture(m, 3)
	whole := infer(t, m, p, 1).LogOdds
	for positions, c := range map[int]struct{ side, size, stride int }{16: {4, 32, 32}, 64: {8, 16, 16}, 225: {15, 16, 8}} {
		o := explain(t, m, p, Options{Positions: positions, Steps: 1}).Occlusion
		if o.Positions != positions || o.Width != c.size || o.Height != c.size || len(o.Fills) != 2 || len(o.Fills[0].Map) != c.side || len(o.Fills[1].Map[0]) != c.side {
			t.Fatalf("%d positions: windows of %dx%d, %d fills", positions, o.Width, o.Height, len(o.Fills))
		}
		for i, fill := range []Fill{FillBlur, FillMean} {
			with := filling(fill, p, 128, 128)
			for _, at := range [][2]int{{0, 0}, {c.side - 1, 1}, {2, c.side - 1}} {
				hidden := slices.Clone(p)
				for y := range c.size {
					for x := range c.size {
						pixel := (at[0]*c.stride+y)*128 + at[1]*c.stride + x
						hidden[pixel] = with[pixel]
					}
				}
				want := whole - infer(t, m, hidden, 1).LogOdds
				if got := o.Fills[i].Map[at[0]][at[1]]; got != want || o.Fills[i].Fill != fill {
					t.Errorf("%d positions, %s, %v: %v, expected %v", positions, fill, at, got, want)
				}
			}
		}
	}
}

// TestTheAnswerAfterEachStepIsThatOfSoManySteps, calibrated where there is a decision for them.
func TestTheAnswerAfterEachStepIsThatOfSoManySteps(t *testing.T) {
	for _, m := range []*model.Model{theDefault(t), testmodel.Early(t)} {
		p := picture(m, 4)
		e := explain(t, m, p, Options{SpikesOnly: true})
		if len(e.Anytime) != m.MaxSteps() {
			t.Fatalf("%d answers", len(e.Anytime))
		}
		for i, a := range e.Anytime {
			r := infer(t, m, p, i+1)
			if a.Step != i+1 || *a.LogOdds != r.LogOdds || a.RawProbability != r.RawProbability {
				t.Errorf("step %d: %+v, expected %+v", i+1, a, r)
			}
			if decided := m.Description().DecisionAt(i+1) != nil; decided != (a.Probability != nil) || decided && *a.Probability != r.Probability {
				t.Errorf("step %d: %v, expected %v", i+1, a.Probability, r.Probability)
			}
		}
	}
}

func leftOut(e *Evidence) []string {
	var parts []string
	for _, l := range e.LeftOut {
		parts = append(parts, l.Part)
	}
	return parts
}

// TestWhatAModelDoesNotAllowIsLeftOutByName.
func TestWhatAModelDoesNotAllowIsLeftOutByName(t *testing.T) {
	for _, c := range []struct {
		m    *model.Model
		opt  Options
		want string
	}{
		{theDefault(t), Options{Positions: 16}, ""},
		{testmodel.Rows(t), Options{}, "anytime activation"},
		{testmodel.Steps(t, 3), Options{}, "activation"},
		{testmodel.Plain(t), Options{Positions: 225}, "anytime activation spikes"},
		{testmodel.ForBoard(t, elsewhere{}), Options{}, "activation spikes occlusion"},
	} {
		e := explain(t, c.m, picture(c.m, 1), c.opt)
		name := c.m.Description().Name
		if err := CheckOcclusion(c.m, c.opt); errors.Is(err, ErrOcclusion) != (e.Occlusion == nil) {
			t.Errorf("%s: %v, but occlusion is %v", name, err, e.Occlusion)
		}
		if got := strings.Join(leftOut(e), " "); got != c.want {
			t.Errorf("%s: %q is left out, expected %q", name, got, c.want)
		}
		for part, there := range map[string]bool{"activation": e.Activation != nil, "occlusion": e.Occlusion != nil, "anytime": len(e.Anytime) > 0} {
			if there == strings.Contains(c.want, part) {
				t.Errorf("%s: %s is there: %v", name, part, there)
			}
		}
		if e.Notice != Notice || !strings.Contains(e.Notice, "never localisation of disease") || e.Pictures[0].Name != "prepared" {
			t.Errorf("%s: %q, %s", name, e.Notice, e.Pictures[0].Name)
		}
	}
}

// elsewhere is a board that runs the simulator and tells no spikes of its layers.
type elsewhere struct{ spike.Simulator }

func (elsewhere) Name() string { return "elsewhere" }

func (b elsewhere) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	r, err := b.Simulator.Compile(ctx, n)
	return silent{r}, err
}

type silent struct{ spike.Runner }

func (s silent) Run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, error) {
	opt.Recorder = nil
	return s.Runner.Run(ctx, in, out, opt)
}

// failed is a board that the simulator stands in for.
type failed struct{ spike.Simulator }

func (failed) Name() string { return "failed" }

func (b failed) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	r, err := b.Simulator.Compile(ctx, n)
	return accounting{r}, err
}

type accounting struct{ spike.Runner }

func (a accounting) Account(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Account, error) {
	stats, err := a.Run(ctx, in, out, opt)
	return stats, hw.Account{Backend: "simulator", Degraded: "timeout"}, err
}

// TestEvidenceSaysWhoseSpikesItIsOf: a board's or, in its place, the simulator's; and which layers no board told.
func TestEvidenceSaysWhoseSpikesItIsOf(t *testing.T) {
	for _, c := range []struct {
		m        *model.Model
		degraded string
	}{{testmodel.ForBoard(t, failed{}), "timeout"}, {testmodel.ForBoard(t, elsewhere{}), ""}, {theDefault(t), ""}} {
		e := explain(t, c.m, picture(c.m, 1), Options{SpikesOnly: true})
		if got := e.Degraded; (got != nil) != (c.degraded != "") || got != nil && *got != c.degraded {
			t.Errorf("on %s: degraded is %v, expected %q", c.m.Backend(), got, c.degraded)
		}
	}
	board := testmodel.ForBoard(t, elsewhere{})
	e := explain(t, board, picture(board, 1), Options{SpikesOnly: true})
	all := board.SpikingLayers()
	if reason := e.LeftOut[len(e.LeftOut)-1].Reason; !strings.HasSuffix(reason, " "+all[len(all)-1].Name) || strings.Contains(reason, all[0].Name) {
		t.Errorf("%q, of %v", reason, all)
	}
}

// TestAnExplanationStopsWhereverItsContextEnds.
func TestAnExplanationStopsWhereverItsContextEnds(t *testing.T) {
	m := testmodel.Plain(t) // looks once a run
	p := picture(m, 1)
	all := testcontext.EndsAfter(1 << 30)
	if _, err := Explain(all, m, p, Options{Positions: 16, Fill: FillMean}); err != nil {
		t.Fatal(err)
	}
	if all.Seen() < 1+16 {
		t.Errorf("looked %d times", all.Seen())
	}
	for i := range all.Seen() {
		if _, err := Explain(testcontext.EndsAfter(i), m, p, Options{Positions: 16, Fill: FillMean}); !errors.Is(err, context.Canceled) {
			t.Errorf("ended after %d looks: %v", i, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	m := testmodel.Plain(t)
	for _, bad := range []Options{{Positions: 1}, {Positions: 65}, {Positions: -64}, {Fill: "black"}, {Opacity: -1}, {Opacity: 1.1}, {Opacity: math.NaN()}} {
		if _, err := Explain(t.Context(), m, picture(m, 1), bad); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := Explain(t.Context(), m, make([]uint8, 3), Options{}); !errors.Is(err, model.ErrPicture) {
		t.Errorf("three pixels: %v", err)
	}
}

func TestCostIsCountedBeforehand(t *testing.T) {
	m := theDefault(t)
	for _, c := range []struct {
		opt  Options
		want int
	}{{Options{}, 129}, {Options{Fill: FillBlur}, 65}, {Options{Positions: 225}, 451}, {Options{Positions: 16, Fill: FillMean}, 17}, {Options{SpikesOnly: true}, 1}, {Options{Positions: 5}, 1}} {
		if got := Runs(m, c.opt); got != c.want {
			t.Errorf("%+v: %d runs, expected %d", c.opt, got, c.want)
		}
	}
	board := testmodel.ForBoard(t, elsewhere{})
	if got := Runs(board, Options{}); got != 1 {
		t.Errorf("on a board: %d runs", got)
	}
	e := explain(t, m, picture(m, 1), Options{Raster: true, Positions: 16})
	if e.rasterSize() != rasterBytes(m) {
		t.Errorf("%d bytes of spikes, announced %d", e.rasterSize(), rasterBytes(m))
	}
	held := e.rasterSize()
	for _, p := range e.Pictures {
		held += int64(len(p.PNG))
	}
	if e.Bytes() != held {
		t.Errorf("says that it has %d bytes, has %d", e.Bytes(), held)
	}
	if len(e.Pictures) != mapPictures || held > Memory(m) {
		t.Errorf("%d pictures, %d bytes; %d pictures and %d bytes are announced", len(e.Pictures), held, mapPictures, Memory(m))
	}
}

// BenchmarkExplain is what one explanation takes of one core: go test ./internal/evidence -bench Explain -cpu 1.
func BenchmarkExplain(b *testing.B) {
	m := theDefault(b)
	p := picture(m, 1)
	for name, opt := range map[string]Options{
		"64 positions, one fill": {Fill: FillBlur}, "64 positions, both fills": {}, "225 positions, one fill": {Positions: 225, Fill: FillBlur}, "spikes only": {SpikesOnly: true, Raster: true},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				explain(b, m, p, opt)
			}
		})
	}
}
