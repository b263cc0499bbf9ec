package repository

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestACanaryOfPlainGoHoldsOnEveryTier is what a version without a canary of its own is checked by.
func TestACanaryOfPlainGoHoldsOnEveryTier(t *testing.T) {
	for _, name := range models.Names() {
		file, err := models.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		made, _, err := canary(t.Context(), t.TempDir(), file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := made.Encode()
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseCanary(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, tier := range spike.Kernels() {
			m, err := model.Decode(t.Context(), file, model.DecodeOptions{Kernel: tier})
			if err != nil {
				t.Fatal(err)
			}
			if err := read.Check(t.Context(), m); err != nil {
				t.Errorf("%s on %s: %v", name, tier, err)
			}
		}
	}
}

// TestACanaryFindsAnswersThatAreNotItsOwn changes each number of a canary by as little as can be told.
func TestACanaryFindsAnswersThatAreNotItsOwn(t *testing.T) {
	file, err := models.Open(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Decode(t.Context(), file, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Canary){
		"probability":     func(c *Canary) { c.Pictures[1].Probabilities[0] *= 1 + 1e-15 },
		"raw probability": func(c *Canary) { c.Pictures[0].RawProbabilities[1] *= 1 + 1e-15 },
		"spikes":          func(c *Canary) { *c.Pictures[0].Spikes++ },
		"operations":      func(c *Canary) { *c.Pictures[0].SynapticOperations-- },
		"gate":            func(c *Canary) { *c.Pictures[0].Gate += 0.02 },
		"no gate":         func(c *Canary) { c.Pictures[0].Gate = nil },
		"labels":          func(c *Canary) { c.Pictures[0].Probabilities = c.Pictures[0].Probabilities[:1] },
		"size":            func(c *Canary) { c.Pictures[0].Pixels = c.Pictures[0].Pixels[1:] },
		"version":         func(c *Canary) { c.Model.Version = "0.0.1" },
		"digest":          func(c *Canary) { c.Model.Digest = strings.Repeat("0", 64) },
	} {
		c, err := NewCanary(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		change(c)
		if err := c.Check(t.Context(), m); err == nil {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

func TestAModelWithAWrongCanaryIsNotLoaded(t *testing.T) {
	dir := t.TempDir()
	putModel(t, dir, "tiny-gated", "1.0.0", 0)
	r, _ := open(t, dir, nil)
	file := modelFileOf("tiny-gated", "2.0.0", 1)
	c, _, err := canary(t.Context(), t.TempDir(), file)
	if err != nil {
		t.Fatal(err)
	}
	right, _ := c.Encode()
	c.Pictures[0].RawProbabilities[0] += 0.1
	wrong, _ := c.Encode()
	for _, text := range [][]byte{wrong, []byte("{}"), bytes.Repeat([]byte(" "), maxCanary+1)} {
		put(t, dir, "tiny-gated", "2.0.0", canaryFile, text)
		put(t, dir, "tiny-gated", "2.0.0", modelFile, file)
		refresh(t, r)
		expect(t, r, "tiny-gated 1.0.0", "tiny-rows 0.1.0")
		if f := r.models["tiny-gated"].failed["2.0.0"]; f.err == nil || f.err.Kind != KindCheck || !strings.Contains(f.err.Error(), canaryFile) {
			t.Errorf("%.30q: %+v", text, f)
		}
	}
	put(t, dir, "tiny-gated", "2.0.0", canaryFile, right)
	refresh(t, r)
	expect(t, r, "tiny-gated 2.0.0", "tiny-rows 0.1.0")
	if s := status(t, r, "tiny-gated", "2.0.0"); s.Checked != CheckCanary {
		t.Errorf("%+v", s)
	}
}

func FuzzParseCanary(f *testing.F) {
	c, _, err := canary(f.Context(), f.TempDir(), modelFileOf("tiny-gated", "1.0.0", 0))
	if err != nil {
		f.Fatal(err)
	}
	text, err := c.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format": 1, "model": {"name": "a", "version": "1.0.0", "digest": ""}, "pictures": []}`))
	f.Add([]byte(`{"format": 1, "format": 2}`))
	m, err := model.Decode(f.Context(), modelFileOf("tiny-gated", "1.0.0", 0), model.DecodeOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseCanary(text)
		if err != nil {
			return
		}
		_ = c.Check(t.Context(), m)
		again, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCanary(again); err != nil && len(again) <= maxCanary {
			t.Fatalf("%v in %s", err, again)
		}
	})
}
