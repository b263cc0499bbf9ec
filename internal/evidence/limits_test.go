package evidence

import (
	"cmp"
	"fmt"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
)

// TestKnownLimits measures what docs/EVIDENCE.md says of the maps and prints its tables. It wants a folder with JPEG pictures in
// NORMAL and PNEUMONIA in SPIKERAY_EVIDENCE_PICTURES, of which it takes a hundred of each, evenly spread. It fails where the maps do
// worse than chance.
func TestKnownLimits(t *testing.T) {
	folder := os.Getenv("SPIKERAY_EVIDENCE_PICTURES")
	if folder == "" {
		t.Skip("set SPIKERAY_EVIDENCE_PICTURES to a folder with pictures in NORMAL and PNEUMONIA")
	}
	l := &limits{t: t, m: theDefault(t), rows: map[string][]float64{}, random: rand.New(rand.NewPCG(1, 2))}
	for _, layers := range randomised {
		l.spoilt = append(l.spoilt, spoil(t, layers.tensors))
	}
	for _, class := range []string{"NORMAL", "PNEUMONIA"} {
		files, err := filepath.Glob(filepath.Join(folder, class, "*.jpeg"))
		if err != nil || len(files) < 100 {
			t.Fatalf("%d pictures in %s, at least 100 are expected", len(files), class)
		}
		slices.Sort(files)
		for i := range 100 {
			l.take(prepared(t, l.m, files[i*len(files)/100]))
		}
	}
	l.report()
	for _, better := range []string{"activation", "occlusion"} {
		if a, b := mean64(l.rows["deletion, "+better+", mean, 10"]), mean64(l.rows["deletion, random, mean, 10"]); a <= b {
			t.Errorf("hiding the ten strongest cells by %s moves the answer by %.2f, ten at random by %.2f", better, a, b)
		}
	}
}

// prepared reads a picture as the model takes it.
func prepared(t testing.TB, m *model.Model, path string) []uint8 {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	img, err := jpeg.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Prepare(img)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// limits collects figures, one of each kind a picture.
type limits struct {
	t      *testing.T
	m      *model.Model
	spoilt []*model.Model
	random *rand.Rand
	rows   map[string][]float64
	order  []string
}

func (l *limits) add(name string, v float64) {
	if l.rows[name] == nil {
		l.order = append(l.order, name)
	}
	l.rows[name] = append(l.rows[name], v)
}

const size, cells, side = 128, 8, 16

// maps are a picture's activation map and its occlusion maps by the blurred copy and by the mean, row by row.
func (l *limits) maps(m *model.Model, p []uint8) (activation, blurred, meant []float64) {
	e, err := Explain(l.t.Context(), m, p, Options{SpikesOnly: true})
	if err != nil {
		l.t.Fatal(err)
	}
	o := &Evidence{}
	if err := o.occlude(l.t.Context(), m, p, &model.Result{LogOdds: e.Activation.LogOdds}, Options{}.withDefaults()); err != nil {
		l.t.Fatal(err)
	}
	return slices.Concat(e.Activation.Sum...), slices.Concat(o.Occlusion.Fills[0].Map...), slices.Concat(o.Occlusion.Fills[1].Map...)
}

func (l *limits) take(p []uint8) {
	activation, blurred, meant := l.maps(l.m, p)
	l.add("agreement, activation and occlusion (blur)", spearman(activation, blurred))
	l.add("agreement, activation and occlusion (mean)", spearman(activation, meant))
	l.add("agreement, occlusion (blur) and occlusion (mean)", spearman(blurred, meant))
	l.add("borders, activation", borders(activation))
	l.add("borders, occlusion (blur)", borders(blurred))
	l.add("borders, occlusion (mean)", borders(meant))
	for i, m := range l.spoilt {
		a, b, _ := l.maps(m, p)
		l.add("randomised, activation, "+randomised[i].name, spearman(activation, a))
		l.add("randomised, occlusion (blur), "+randomised[i].name, spearman(blurred, b))
	}
	a, b, _ := l.maps(l.m, mirrored(p, size))
	l.add("mirror, activation", spearman(activation, mirrored(a, cells)))
	l.add("mirror, occlusion (blur)", spearman(blurred, mirrored(b, cells)))
	a, b, _ = l.maps(l.m, shifted(p, size, side))
	l.add("shift, activation", spearman(inner(activation, 0), inner(a, 1)))
	l.add("shift, occlusion (blur)", spearman(inner(blurred, 0), inner(b, 1)))
	l.curves(p, map[string][]float64{"activation": activation, "occlusion": blurred})
}

// curves hides the cells that speak most for the answer, and starts from nothing and shows them.
func (l *limits) curves(p []uint8, maps map[string][]float64) {
	whole := infer(l.t, l.m, p, 0).LogOdds
	sign := math.Copysign(1, whole)
	orders := map[string][]int{"random": l.random.Perm(cells * cells)}
	for name, values := range maps {
		order := make([]int, cells*cells)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sign*values[b], sign*values[a]) })
		orders[name] = order
	}
	for _, fill := range []Fill{FillBlur, FillMean} {
		with := filling(fill, p, size, size)
		for _, name := range []string{"activation", "occlusion", "random"} {
			for _, n := range []int{2, 5, 10, 20, 32} {
				gone := infer(l.t, l.m, over(p, with, orders[name][:n]), 0).LogOdds
				back := infer(l.t, l.m, over(with, p, orders[name][:n]), 0).LogOdds
				l.add(fmt.Sprintf("deletion, %s, %s, %d", name, fill, n), sign*(whole-gone))
				l.add(fmt.Sprintf("insertion, %s, %s, %d", name, fill, n), sign*(whole-back))
			}
		}
	}
}

// over is a picture with cells of another.
func over(p, with []uint8, which []int) []uint8 {
	out := slices.Clone(p)
	for _, cell := range which {
		for y := range side {
			from := (cell/cells*side+y)*size + cell%cells*side
			copy(out[from:from+side], with[from:])
		}
	}
	return out
}

func mirrored[T any](p []T, width int) []T {
	out := slices.Clone(p)
	for row := range slices.Chunk(out, width) {
		slices.Reverse(row)
	}
	return out
}

// shifted moves a picture to the right, and repeats its left border.
func shifted(p []uint8, width, by int) []uint8 {
	out := slices.Clone(p)
	for y := 0; y < len(p); y += width {
		copy(out[y+by:y+width], p[y:])
		for x := range by {
			out[y+x] = p[y]
		}
	}
	return out
}

// inner is a map without a column: the last, or the first.
func inner(m []float64, from int) []float64 {
	var out []float64
	for y := range cells {
		out = append(out, m[y*cells+from:][:cells-1]...)
	}
	return out
}

// borders is the share of the magnitude in the outer ring of cells.
func borders(m []float64) float64 {
	all, ring := 0.0, 0.0
	for i, v := range m {
		all += math.Abs(v)
		if y, x := i/cells, i%cells; y == 0 || x == 0 || y == cells-1 || x == cells-1 {
			ring += math.Abs(v)
		}
	}
	return ring / all
}

// spearman is the rank correlation; ties have their mean rank.
func spearman(a, b []float64) float64 {
	x, y := ranks(a), ranks(b)
	middle := float64(len(a)-1) / 2
	var xy, xx, yy float64
	for i := range x {
		dx, dy := x[i]-middle, y[i]-middle
		xy, xx, yy = xy+dx*dy, xx+dx*dx, yy+dy*dy
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

func ranks(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, a := range v {
		for j, b := range v {
			switch {
			case b < a:
				out[i]++
			case b == a && i != j:
				out[i] += 0.5
			}
		}
	}
	return out
}

func mean64(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// report prints the mean of each figure with a 95% interval of the mean, and the 5th and 95th percentile of the pictures.
func (l *limits) report() {
	for _, name := range l.order {
		v := slices.Sorted(slices.Values(l.rows[name]))
		m, square := mean64(v), 0.0
		for _, x := range v {
			square += (x - m) * (x - m)
		}
		half := 1.96 * math.Sqrt(square/float64(len(v)-1)/float64(len(v)))
		fmt.Printf("%-58s %7.3f ± %.3f  (%.3f to %.3f)\n", name, m, half, v[len(v)/20], v[len(v)-1-len(v)/20])
	}
}
