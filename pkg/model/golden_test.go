package model_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// testdata/golden.py writes the golden data and says what is in it, and why counts can be equal and not just alike.
const (
	goldenSuffix = ".golden.safetensors"
	goldenEnv    = "SPIKERAY_GOLDEN"
)

// Where float32 sums depend on their order, a potential that is a hair off a threshold in one order is on it in another.
// Then a spike comes a row earlier and moves others after it, and the picture's probability with them: Keras differs from
// itself in this way when it takes pictures in other batches.
const (
	strayCounts   = 1e-5 // the share of counts that may differ for that reason
	strayFrom     = 1e-3
	strayPictures = 0.01 // and of pictures whose probability may differ by more than the tolerance, no label flipped
)

func TestSmallGolden(t *testing.T) {
	checkGoldenFolder(t, "testdata", true)
}

func TestShippedGolden(t *testing.T) {
	for _, name := range models.Names() {
		t.Run(name, func(t *testing.T) {
			file, err := models.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, file, filepath.Join("testdata", "shipped", name+goldenSuffix), false)
		})
	}
}

func TestRealGolden(t *testing.T) {
	folder := os.Getenv(goldenEnv)
	if folder == "" {
		t.Skipf("%s is not set: it names a folder that `testdata/golden.py real` has written from real pictures", goldenEnv)
	}
	checkGoldenFolder(t, folder, false)
}

func checkGoldenFolder(t *testing.T, folder string, exact bool) {
	paths, _ := filepath.Glob(filepath.Join(folder, "*"+goldenSuffix))
	if len(paths) == 0 {
		t.Fatalf("%s has no *%s", folder, goldenSuffix)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), goldenSuffix)
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(folder, name+".safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, file, path, exact)
		})
	}
}

// checkGolden compares a model's answers with its golden data on every tier of arithmetic that runs here. exact says that
// the model's float32 sums do not depend on their order up to the last neurons; those of whole numbers never do.
func checkGolden(t *testing.T, file []byte, path string, exact bool) {
	golden := readGolden(t, path)
	var first [][]float64 // the first tier's probabilities
	for _, tier := range spike.Kernels() {
		m, err := model.Decode(t.Context(), file, model.DecodeOptions{Kernel: tier})
		if err != nil {
			t.Fatal(err)
		}
		spiking, whole := kindOf(m.Description())
		tolerance, stray, strays := 1e-5, 0.0, 0.0
		switch {
		case whole:
			tolerance = 1e-6
		case spiking && !exact:
			tolerance, stray, strays = 1e-3, strayCounts, strayPictures
		}
		got := golden.compare(t, m)
		t.Logf("%s: %v", tier, got)
		if got.pictures == 0 || spiking != (got.counts > 0) {
			t.Errorf("%s: the golden data compares nothing: %v", tier, got)
		}
		if got.worst > tolerance || float64(got.stray) > strays*float64(got.pictures) || float64(got.differing) > stray*float64(got.counts) {
			t.Errorf("%s: %v; probabilities may differ by %g and %g of the counts", tier, got, tolerance, stray)
		}
		if first == nil {
			first = got.probabilities
		}
		if whole && !slices.EqualFunc(first, got.probabilities, slices.Equal) {
			t.Errorf("%s gives other probabilities than %s", tier, spike.Kernels()[0])
		}
	}
}

// kindOf says whether a model has neurons, and whether all that drives them is whole numbers.
func kindOf(d *model.Description) (spiking, whole bool) {
	last := -1
	for i, l := range d.Layers {
		if l.Type == "neurons" {
			last = i
		}
	}
	return last >= 0, last >= 0 && !slices.ContainsFunc(d.Layers[:last+1], func(l model.Layer) bool {
		return l.Weights != "" && l.Scale == ""
	})
}

// comparison is how a model's answers lie beside the golden ones.
type comparison struct {
	pictures          int
	counts, differing uint64
	worst             float64 // difference of a probability, but for the stray ones
	stray             int     // pictures with another spike somewhere and a probability off by more than strayFrom
	worstStray        float64
	probabilities     [][]float64
}

func (c comparison) String() string {
	return fmt.Sprintf("%d pictures, %d counts of which %d differ, probabilities by up to %.2g, and of %d pictures with other spikes by up to %.2g",
		c.pictures, c.counts, c.differing, c.worst, c.stray, c.worstStray)
}

func (g goldenData) compare(t *testing.T, m *model.Model) (c comparison) {
	t.Helper()
	layers := g.layers()
	for i := range g["pictures"].pictures {
		rec := spike.Recorder{Rasters: layers}
		res, err := m.Infer(t.Context(), g["pictures"].of(i), model.Options{Recorder: &rec})
		if err != nil {
			t.Fatal(err)
		}
		want := g["probabilities"].of(i)
		if len(want) != 4*len(res.Probabilities) {
			t.Fatalf("%d probabilities, %d are golden", len(res.Probabilities), len(want)/4)
		}
		if g["gate"].pictures > 0 {
			c.gate(t, m, g["pictures"].of(i), g["gate"].of(i))
		}
		off, flipped := 0.0, false
		for j, p := range res.Probabilities {
			w := float32At(want, j)
			if d := math.Abs(p - w); !(d <= off) { // a NaN is the worst of all
				off = d
			}
			flipped = flipped || (p >= 0.5) != (w >= 0.5)
		}
		if len(rec.Layers) != len(layers) {
			t.Fatalf("%d layers of neurons, golden are %v", len(rec.Layers), layers)
		}
		differing := c.differing
		for _, l := range rec.Layers {
			c.counts += l.NeuronSteps
			c.differing += g.differing(t, l, i)
		}
		if c.differing > differing && off > strayFrom && !flipped {
			c.stray, c.worstStray = c.stray+1, max(c.worstStray, off)
		} else if !(off <= c.worst) {
			c.worst = off
		}
		c.pictures++
		c.probabilities = append(c.probabilities, res.Probabilities)
	}
	return c
}

// gate compares the gate's answer for one picture.
func (c *comparison) gate(t *testing.T, m *model.Model, picture, golden []byte) {
	t.Helper()
	res, err := m.Gate(t.Context(), picture)
	if err != nil {
		t.Fatal(err)
	}
	d := m.Description().Gate
	var accept, best float64
	reason := ""
	for j, label := range d.Labels {
		switch p := float32At(golden, j); {
		case label == d.Accept:
			accept = p
		case p > best:
			reason, best = label, p
		}
	}
	if accept >= d.Threshold {
		reason = ""
	}
	if res.Accepted != (accept >= d.Threshold) || res.Reason != reason {
		t.Errorf("%+v; the golden reason is %q at %v", res, reason, accept)
	}
	c.worst = max(c.worst, math.Abs(res.Probability-accept))
}

func float32At(b []byte, i int) float64 {
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
}

// differing is the counts of a layer that are not the golden ones of picture i, where only the layer's total is golden,
// at least as many as the total is off.
func (g goldenData) differing(t *testing.T, l spike.LayerRecord, i int) (n uint64) {
	t.Helper()
	var total, want int64
	for _, s := range l.Spikes {
		total += int64(s)
	}
	counts, totals := g["counts."+l.Name], g["totals."+l.Name]
	if i < counts.pictures {
		golden := counts.of(i)
		if len(golden) != len(l.Raster.Counts) {
			t.Fatalf("layer %s: %d counts, %d are golden", l.Name, len(l.Raster.Counts), len(golden))
		}
		for j, c := range golden {
			if want += int64(c); c != l.Raster.Counts[j] {
				n++
			}
		}
	}
	if totals.pictures > 0 {
		want = int64(binary.LittleEndian.Uint64(totals.of(i)))
	} else if i >= counts.pictures {
		t.Fatalf("layer %s: picture %d has no golden counts", l.Name, i)
	}
	return max(n, uint64(max(total-want, want-total)))
}

// goldenData is a file of golden data, by tensor.
type goldenData map[string]goldenTensor

// goldenTensor is a tensor's bytes, the first dimension being the pictures.
type goldenTensor struct {
	pictures int
	data     []byte
}

func (g goldenTensor) of(i int) []byte {
	n := len(g.data) / g.pictures
	return g.data[i*n:][:n]
}

// layers names the layers of neurons.
func (g goldenData) layers() []string {
	var names []string
	for key := range g {
		if kind, name, ok := strings.Cut(key, "."); ok && (kind == "counts" || kind == "totals") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func readGolden(t *testing.T, path string) goldenData {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(file)
	header, data := file[8:8+n], file[8+n:]
	var tensors map[string]struct {
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.NewDecoder(bytes.NewReader(header)).Decode(&tensors); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	g := goldenData{}
	for name, x := range tensors {
		g[name] = goldenTensor{x.Shape[0], data[x.Offsets[0]:x.Offsets[1]]}
	}
	return g
}
