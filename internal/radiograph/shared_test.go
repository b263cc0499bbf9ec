package radiograph

import (
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared is the folder of real pictures that lies beside a checkout, and is never
// part of it.
func shared(t testing.TB, folder string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", folder)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real pictures here: ../shared/data/%s is absent", folder)
	}
	return path
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("no files match %s", filepath.Base(pattern))
	}
	return list
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOriginals(t *testing.T) {
	list := files(t, filepath.Join(shared(t, "originals"), "*", "*.jpeg"))
	if len(list) != 60 {
		t.Errorf("%d originals", len(list))
	}
	var colourCoded int
	for i := 0; i < len(list); i += stride {
		path := list[i]
		p, err := Decode(context.Background(), read(t, path), Limits{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		if _, ok := p.Image.(*image.Gray); !ok || p.Format != "jpeg" || p.Width < 400 {
			t.Errorf("%s: %T, %s, %d wide", filepath.Base(path), p.Image, p.Format, p.Width)
		}
		if warned(p, "colour") {
			colourCoded++
		}
		for _, w := range p.Warnings {
			t.Logf("%s: %s", filepath.Base(path), w)
		}
	}
	if colourCoded != 0 {
		t.Errorf("%d originals are said to be coloured; the colour-coded ones hold grey", colourCoded)
	}
}

func TestResizedTrainingPictures(t *testing.T) {
	for _, path := range files(t, filepath.Join(shared(t, "kermany"), "val", "*", "*.jpeg")) {
		p, err := Decode(context.Background(), read(t, path), Limits{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		if len(p.Warnings) > 0 {
			t.Errorf("%s: warnings %q", filepath.Base(path), p.Warnings)
		}
	}
}

func TestOtherPictures(t *testing.T) {
	want := map[string]error{"truncated.jpg": ErrNotPicture, "palette_color.png": ErrNotRadiograph, "chessboard_GRAY_U16.tif": ErrUnknownFormat}
	folder := shared(t, "not_chest")
	for _, path := range append(files(t, filepath.Join(folder, "photos", "*")), files(t, filepath.Join(folder, "limbs", "*"))...) {
		name := filepath.Base(path)
		data := read(t, path)
		p, err := Decode(context.Background(), data, Limits{})
		if !errors.Is(err, want[name]) {
			t.Errorf("%s: %v, want %v", name, err, want[name])
		}
		if p != nil {
			t.Logf("%s: %T, warnings %q", name, p.Image, p.Warnings)
		}
		if strings.HasSuffix(name, ".tif") {
			// Its samples go up to 255, of 65535.
			if _, err := Decode(context.Background(), data, Limits{TIFF: true}); !errors.Is(err, ErrDepth) {
				t.Errorf("%s: %v", name, err)
			}
			p, err := Decode(context.Background(), data, Limits{TIFF: true, Bits: 8})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, ok := p.Image.(*image.Gray); !ok {
				t.Errorf("%s: %T", name, p.Image)
			}
		}
	}
}
