package radiograph

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"testing"
)

// TestLegalFilesLikeOtherLibraries holds small files of many kinds against the grey that oracle/oracle.py found at least one
// other library to make of them.
func TestLegalFilesLikeOtherLibraries(t *testing.T) {
	var files []struct {
		Format, Name  string
		File, Grey    []byte
		Width, Height int
	}
	if err := json.Unmarshal(fixture(t, "formats.json"), &files); err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Errorf("%d files", len(files))
	}
	for _, f := range files {
		p, err := Decode(context.Background(), f.File, everything)
		if err != nil {
			t.Errorf("%s, %s: %v", f.Format, f.Name, err)
			continue
		}
		grey, ok := p.Image.(*image.Gray)
		if !ok || grey.Rect != image.Rect(0, 0, f.Width, f.Height) || p.Format != f.Format {
			t.Errorf("%s, %s: %T, bounds %v, format %s", f.Format, f.Name, p.Image, p.Image.Bounds(), p.Format)
			continue
		}
		for y := range f.Height {
			if got, want := grey.Pix[y*grey.Stride:][:f.Width], f.Grey[y*f.Width:][:f.Width]; !bytes.Equal(got, want) {
				t.Errorf("%s, %s: row %d is %d, want %d", f.Format, f.Name, y, got, want)
				break
			}
		}
	}
}
