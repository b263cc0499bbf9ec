package api

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// inBits scales an 8-bit picture to samples of so many bits in 16, with steps between its levels where detail says so.
func inBits(t *testing.T, grey *image.Gray, bits int, detail bool) []byte {
	p := image.NewGray16(grey.Rect)
	for i, v := range grey.Pix {
		s := (int(v)*(1<<bits-1) + 127) / 255
		if detail {
			s = max(s-i%7, 0)
		}
		p.Pix[2*i], p.Pix[2*i+1] = byte(s>>8), byte(s)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBitsSayWhatSamplesMean(t *testing.T) {
	s := start(t, nil)
	grey := testmodel.Picture(90, 80, 1)
	eight := testmodel.PNG(90, 80, 1)
	answered := func(query string, data []byte) predictionDocument {
		t.Helper()
		a := s.post(query, data)
		var p predictionDocument
		if err := json.Unmarshal(a.body, &p); a.status != 200 || err != nil {
			t.Fatalf("%s: %d %s, %v", query, a.status, a.body, err)
		}
		return p
	}
	want := answered("", eight).RawProbability
	for _, bits := range []string{"", "?bits=12"} {
		if got := answered(bits, inBits(t, grey, 12, false)).RawProbability; got != want {
			t.Errorf("%q: %v, and %v for the 8-bit picture", bits, got, want)
		}
	}
	detailed := inBits(t, grey, 12, true)
	answered("?bits=12", detailed)
	answered("?bits=16", detailed)
	for query, c := range map[string]struct {
		data    []byte
		status  int
		problem string
	}{
		"":         {detailed, 422, "sample-depth"},
		"?bits=9":  {detailed, 422, "sample-depth"},
		"?bits=10": {eight, 422, "sample-depth"},
		"?bits=7":  {detailed, 400, "invalid-parameter"},
		"?bits=17": {detailed, 400, "invalid-parameter"},
		"?bits=x":  {detailed, 400, "invalid-parameter"},
		"?bits=":   {detailed, 400, "invalid-parameter"},
	} {
		if a := s.post(query, c.data); a.status != c.status || a.problem(t) != c.problem {
			t.Errorf("%q: %d %s, want %d %s", query, a.status, a.body, c.status, c.problem)
		}
	}
}
