package model_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// tokens are what FuzzDecode can put into a header.
var tokens = []string{
	"null", "true", "-1", "0", "1e999", "1e38", "1e-60", "18446744073709551616", "0.5", `""`, "{}", "[]", "[[", "{", "}", "]", ",", ":", `\"`, `\\u0000`,
	"I8", "F32", "rows", "steps", "same", "relu", "softmax", "flatten", "conv2d", "dense", "neurons", "max_pool2d", "average_pool2d",
	"global_average_pool2d", "spiking_relu", "integrate_and_fire", "leaky_integrate_and_fire", "subtract", "zero", "uniform", "constant",
	"reference", "log_odds", "format", "edges", "values", "counts", "limit", "confident", "weights", "scale", "bias", "gate", "time", "calibration", "threshold", "operating_points", "training", "conv1.bias", "conv2.weights",
	`{\"type\":\"flatten\",\"name\":\"f\"},`, `{\"type\":\"relu\",\"name\":\"r\"},`,
}

// FuzzDecode changes whole models; see [testmodel.Edited].
func FuzzDecode(f *testing.F) {
	type pieces struct{ header, data []byte }
	var models []pieces
	for _, axis := range []spike.Axis{spike.Rows, spike.Steps} {
		for _, p := range []parts{small(axis), gated(axis), referred(axis)} {
			header, data := p.header("DIGEST")
			models = append(models, pieces{encode(header), data})
		}
	}
	for i := range models {
		f.Add(uint8(i), []byte{}, []byte{})
		f.Add(uint8(i), []byte{0, 200, 1, 3, 1, 1, 0, 4, 40, 1}, []byte{0, 9, 1, 255, 1})
	}
	f.Fuzz(func(t *testing.T, which uint8, edits, spoils []byte) {
		if len(edits) > testmodel.MaxEdits || len(spoils) > 10 {
			return
		}
		p := models[int(which)%len(models)]
		header, data := testmodel.Edited(p.header, edits, tokens), testmodel.Edited(p.data, spoils, tokens)
		// The digest is put right, or nothing that was changed would get past it.
		zeros := bytes.Replace(header, []byte("DIGEST"), []byte(strings.Repeat("0", 64)), 1)
		sum := sha256.Sum256(assemble(zeros, data))
		header = bytes.Replace(header, []byte("DIGEST"), []byte(hex.EncodeToString(sum[:])), 1)
		m, err := model.Decode(t.Context(), assemble(header, data), model.DecodeOptions{})
		var bad *model.FormatError
		if err != nil {
			if !errors.As(err, &bad) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		size, g := m.Description().Preparation, m.Description().Gate
		if size.Width*size.Height > 1<<12 || len(m.Description().Layers) > 16 {
			return
		}
		if g != nil && g.Width*g.Height <= 1<<12 && len(g.Layers) <= 16 {
			r, err := m.Gate(t.Context(), bytes.Repeat([]byte{255}, size.Width*size.Height))
			if err != nil || !(r.Probability >= 0 && r.Probability <= 1) || r.Accepted != (r.Reason == "") {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		r, err := m.Infer(t.Context(), bytes.Repeat([]byte{255}, size.Width*size.Height), model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		total := 0.0
		for _, p := range r.Probabilities {
			total += p
		}
		if !(math.Abs(total-1) < 1e-9) {
			t.Fatalf("probabilities %v", r.Probabilities)
		}
	})
}
