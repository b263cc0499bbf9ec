// Package codectest has what the tests of several codecs use.
package codectest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Golden is a stream and what other decoders find in it.
type Golden struct {
	Name                            string
	Readers                         []string // the decoders that read it
	Width, Height, Components, Bits int
	Digest                          string // of the samples, see Digest
	Stream                          []byte
}

// Goldens reads testdata/golden.json, which the script beside it wrote.
func Goldens(t testing.TB) (list []Golden) {
	t.Helper()
	load(t, filepath.Join("testdata", "golden.json"), &list)
	return list
}

func load(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checked is a frame that check.py wrote of a real picture.
type checked struct {
	Name, File, Syntax              string
	Width, Height, Components, Bits int
	Digests                         map[string]string // of the samples, by who found them
}

// CheckFrames decodes the frames of some syntaxes that check.py wrote to the folder that SPIKERAY_FRAMES names, and compares
// them with what every other decoder found. Without the variable it skips the test.
func CheckFrames(t *testing.T, syntaxes []string, decode func(frame []byte, width, height, components, bits int) []uint16) {
	t.Helper()
	folder := os.Getenv("SPIKERAY_FRAMES")
	if folder == "" {
		t.Skip("check.py runs this test, with SPIKERAY_FRAMES")
	}
	var list []checked
	load(t, filepath.Join(folder, "frames.json"), &list)
	count, compared := 0, 0
	for _, f := range list {
		if !slices.Contains(syntaxes, f.Syntax) {
			continue
		}
		count++
		data, err := os.ReadFile(filepath.Join(folder, f.File))
		if err != nil {
			t.Fatal(err)
		}
		got := Digest(decode(data, f.Width, f.Height, f.Components, f.Bits))
		for who, digest := range f.Digests {
			compared++
			if got != digest {
				t.Errorf("%s: samples differ from those of %s", f.Name, who)
			}
		}
	}
	t.Logf("%d frames compared with %d readings", count, compared)
	if count == 0 {
		t.Error("no frames")
	}
}

// Digest is the SHA-256 of samples as 16 bits in little endian, in hexadecimal digits.
func Digest(samples []uint16) string {
	b := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, s)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
