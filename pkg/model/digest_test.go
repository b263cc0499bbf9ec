package model_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// headerOf is a file's header with its length before it.
func headerOf(file []byte) []byte { return file[:8+binary.LittleEndian.Uint64(file)] }

// refused flips a bit of a file and expects a FormatError, and puts the bit back.
func refused(t *testing.T, file []byte, bit int) {
	t.Helper()
	file[bit/8] ^= 1 << (bit % 8)
	defer func() { file[bit/8] ^= 1 << (bit % 8) }()
	m, err := model.Decode(t.Context(), file, model.DecodeOptions{})
	var bad *model.FormatError
	if m != nil || !errors.As(err, &bad) {
		t.Errorf("bit %d of byte %d of %d changed: %v, expected a FormatError", bit%8, bit/8, len(file), err)
	}
}

// tiny is the shortest model that there is, so that its every bit can be tried.
func tiny() parts {
	p := small(spike.Rows)
	delete(p.description, "time")
	p.description["layers"] = []map[string]any{
		{"type": "flatten", "name": "f"},
		{"type": "dense", "name": "d", "units": 2, "weights": "w"},
		{"type": "softmax", "name": "s"},
	}
	p.description["preparation"] = map[string]any{"width": 2, "height": 1, "resize": "bilinear_antialiased", "scale": 255}
	p.tensors = map[string][]float32{"w": {1, -1, 0.5, 2}}
	p.shapes = map[string][]int{"w": {2, 2}}
	return p
}

func TestDecodeNoticesEveryBitOfTheHeader(t *testing.T) {
	file := tiny().file()
	for bit := range 8 * len(file) {
		refused(t, file, bit)
	}
	if _, err := model.Decode(t.Context(), file, model.DecodeOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]parts{"rows": small(spike.Rows), "gated": gated(spike.Steps)} {
		t.Run(name, func(t *testing.T) {
			file := p.file()
			for i := range file {
				refused(t, file, 8*i+i%8)
			}
			if _, err := model.Decode(t.Context(), file, model.DecodeOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestDecodeNoticesBitsOfShippedFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 64))
	for _, name := range models.Names() {
		shipped, err := models.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		file := bytes.Clone(shipped)
		for range 64 {
			refused(t, file, rng.IntN(8*len(headerOf(file))))
		}
		for range 8 {
			refused(t, file, rng.IntN(8*len(file)))
		}
	}
}

// A digest that can be written in two ways, or in two places, would let a byte change unnoticed.
func TestDecodeWantsTheDigitsOnceAndPlain(t *testing.T) {
	file := gated(spike.Steps).file()
	header := string(headerOf(file)[8:])
	data := file[8+len(header):]
	_, rest, _ := strings.Cut(header, `\"file_sha256\":\"`)
	digits := rest[:64]
	escaped := strings.Replace(header, digits, fmt.Sprintf(`\\u%04x`, digits[0])+digits[1:], 1)
	twice := strings.Replace(header, `\"recipe\":\"none\"`, `\"recipe\":\"`+digits+`\"`, 1)
	upper := strings.Replace(header, digits, strings.ToUpper(digits), 1)
	for name, changed := range map[string]string{"escaped": escaped, "twice": twice, "upper case": upper} {
		if changed == header {
			t.Fatalf("%s: nothing was changed", name)
		}
		_, err := model.Decode(t.Context(), assemble([]byte(changed), data), model.DecodeOptions{})
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != "file_sha256" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeNamesTheWayForFilesOfBefore(t *testing.T) {
	p := small(spike.Rows)
	header, data := p.header(strings.Repeat("0", 64))
	said := header["__metadata__"].(map[string]string)
	said["spikeray"] = strings.Replace(said["spikeray"], "file_sha256", "tensors_sha256", 1)
	_, err := model.Decode(t.Context(), assemble(encode(header), data), model.DecodeOptions{})
	var bad *model.FormatError
	if !errors.As(err, &bad) || bad.Field != "tensors_sha256" || !strings.Contains(err.Error(), "spikeray reseal") {
		t.Fatal(err)
	}
}
