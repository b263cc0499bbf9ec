package main

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestPredictTakesTheBitsOfSamples(t *testing.T) {
	grey := testmodel.Picture(90, 80, 1)
	deep := image.NewGray16(grey.Rect)
	for i, v := range grey.Pix {
		s := max(int(v)*4095/255-i%7, 0)
		deep.Pix[2*i], deep.Pix[2*i+1] = byte(s>>8), byte(s)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, deep); err != nil {
		t.Fatal(err)
	}
	file := write(t, b.Bytes(), t.TempDir(), "deep.png")
	if r := spikeray(t, nil, "predict", "--bits", "12", file); r.status != 0 {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "predict", file); r.status != 1 || !strings.Contains(r.err, "bits=12") {
		t.Errorf("without bits: %+v", r)
	}
	if r := spikeray(t, nil, "predict", "--bits", "4", file); r.status == 0 || !strings.Contains(r.err, "--bits must be 8 to 16") {
		t.Errorf("4 bits: %+v", r)
	}
}
