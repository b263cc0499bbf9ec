package film

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// TestRealFilms holds real films against what shared.py wrote of them. They lie beside a checkout and are never part of it.
func TestRealFilms(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "..", "shared", "data", "dicom")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no real films here: ../shared/data/dicom is absent")
	}
	text, err := os.ReadFile("testdata/shared.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct{ Greys, Refused string }
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(folder, "*", "*.dcm"))
	if err != nil || len(found) != len(want) {
		t.Errorf("%d files, %d are known: %v", len(found), len(want), err)
	}
	for name, want := range want {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(data)
			if want.Refused != "" {
				if err == nil || !strings.Contains(err.Error(), want.Refused) {
					t.Errorf("%v, want %s", err, want.Refused)
				}
				if want.Greys == "" {
					return
				}
				// Their pixels are read as a film's are.
				file, parsing := dicom.Parse(data, dicom.Limits{})
				if parsing != nil {
					t.Fatal(parsing)
				}
				f = &Film{Syntax: file.Syntax, Dataset: file.Dataset}
				err = f.openImage()
			}
			if err != nil {
				t.Fatal(err)
			}
			shown, err := f.Decode(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := digest(shown.Image); got != want.Greys {
				t.Errorf("the greys are not pydicom's: %s", got)
			}
			t.Log(shown.Window, f.Warnings(), f.Doubts(), shown.Warnings)
		})
	}
}

// digest is the SHA-256 of a picture's greys in 16 bits.
func digest(picture image.Image) string {
	sum := sha256.New()
	b := picture.Bounds()
	row := make([]byte, 0, 2*b.Dx())
	for y := range b.Dy() {
		row = row[:0]
		for x := range b.Dx() {
			grey, _, _, _ := picture.At(x, y).RGBA()
			row = binary.BigEndian.AppendUint16(row, uint16(grey))
		}
		sum.Write(row)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
