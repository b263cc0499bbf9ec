package lumajpeg

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

type kind struct {
	Name          string
	Width, Height int
	File          []byte
	Grey          string
}

type harm struct {
	Of        string
	At, Cut   int
	Put       []byte
	Complaint string
	Grey      string
}

// kinds are files of all kinds with libjpeg's grey of them, and what it says of them
// harmed. testdata/kinds.py made them.
func kinds(t testing.TB) (map[string]kind, []harm) {
	t.Helper()
	data, err := os.ReadFile("testdata/kinds.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases  []kind
		Harmed []harm
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 60 || len(file.Harmed) < 200 {
		t.Fatalf("%d kinds, %d harmed", len(file.Cases), len(file.Harmed))
	}
	byName := map[string]kind{}
	for _, c := range file.Cases {
		byName[c.Name] = c
	}
	return byName, file.Harmed
}

// digest is the SHA-256 of a picture's pixels, row by row.
func digest(p *Picture) string {
	h := sha256.New()
	for y := range p.Gray.Rect.Dy() {
		h.Write(p.Gray.Pix[y*p.Gray.Stride:][:p.Gray.Rect.Dx()])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestEveryKindLikeLibjpeg(t *testing.T) {
	cases, _ := kinds(t)
	for name, c := range cases {
		p, err := decode(c.File, 1, 16)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Damage != "" {
			t.Errorf("%s: %s", name, p.Damage)
		}
		if p.Gray.Rect.Dx() != c.Width || p.Gray.Rect.Dy() != c.Height || digest(p) != c.Grey {
			t.Errorf("%s: %v is not libjpeg's grey", name, p.Gray.Rect)
		}
	}
}

// TestHarmIsSeen expects a file that libjpeg complains of to be refused, or decoded with
// word of its damage; and harm that neither sees to give the same pixels.
func TestHarmIsSeen(t *testing.T) {
	cases, harmed := kinds(t)
	refused, warned, unseen := 0, 0, 0
	for _, h := range harmed {
		file := slices.Replace(bytes.Clone(cases[h.Of].File), h.At, h.At+h.Cut, h.Put...)
		p, err := decode(file, 1, 16)
		switch {
		case errors.Is(err, ErrDamaged) || errors.Is(err, ErrUnsupported):
			refused++
		case err != nil:
			t.Fatal(err)
		case p.Damage != "":
			warned++
		case h.Complaint != "":
			t.Errorf("%s, %d bytes at %d changed to % x: libjpeg says %q", h.Of, h.Cut, h.At, h.Put, h.Complaint)
		case digest(p) != h.Grey:
			t.Errorf("%s, %d bytes at %d changed to % x: not libjpeg's grey", h.Of, h.Cut, h.At, h.Put)
		default:
			unseen++
		}
	}
	t.Logf("%d refused, %d warned of, %d unseen", refused, warned, unseen)
	if unseen < 10 {
		t.Errorf("%d are unseen, too few to compare", unseen)
	}
}

// TestLeftOverBytes puts bytes where none belong.
func TestLeftOverBytes(t *testing.T) {
	cases, _ := kinds(t)
	grey, restarts := cases["grey"], cases["grey restarts"].File
	end := len(grey.File) - 2
	restart := bytes.Index(restarts, []byte{0xff, markerRST0 + 1})
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"zeros before EOI":          {slices.Insert(bytes.Clone(grey.File), end, 0, 0), "2 bytes left over"},
		"many before EOI":           {slices.Concat(grey.File[:end], bytes.Repeat([]byte{1}, 100_000), grey.File[end:]), "100000 bytes left over"},
		"before a restart marker":   {slices.Insert(bytes.Clone(restarts), restart, 1, 2, 3), "3 bytes left over"},
		"between segments":          {slices.Insert(bytes.Clone(grey.File), 2, 5, 6), "2 bytes left over"},
		"data after all restarts":   {slices.Insert(bytes.Clone(grey.File), end, 0xff, 0xd0, 7), "1 bytes left over"},
		"header of a scan of a few": {slices.Replace(bytes.Clone(grey.File), bytes.Index(grey.File, []byte{0xff, 0xda})+8, bytes.Index(grey.File, []byte{0xff, 0xda})+9, 5), "scan header"},
	} {
		p, err := decode(c.file, 1, 16)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(p.Damage, c.want) {
			t.Errorf("%s: %q, want %q", name, p.Damage, c.want)
		}
	}
}

// TestSameCoefficientsSameSamples decodes files of the same coefficients, sent in one
// scan and in many, at all sizes.
func TestSameCoefficientsSameSamples(t *testing.T) {
	cases, _ := kinds(t)
	pairs := [][2]string{{"grey", "factors of one component"}, {"2x2", "extended sequential"}, {"2x2", "no Huffman tables"}}
	for _, name := range []string{"grey", "2x2", "3x1", "1x1,2x2,2x2"} {
		for _, how := range []string{"progressive", "optimize", "restart 1B"} {
			pairs = append(pairs, [2]string{name, name + ", transcoded: " + how})
		}
	}
	for _, pair := range pairs {
		for _, reduce := range []int{1, 2, 4, 8} {
			a, err := decode(cases[pair[0]].File, reduce, 16)
			if err != nil {
				t.Fatal(err)
			}
			b, err := decode(cases[pair[1]].File, reduce, 16)
			if err != nil {
				t.Fatal(err)
			}
			if digest(a) != digest(b) || a.Coloured != b.Coloured || a.Of != b.Of {
				t.Errorf("%v at 1/%d differ", pair, reduce)
			}
		}
	}
}

func TestStopsWithItsContext(t *testing.T) {
	cases, _ := kinds(t)
	for name, c := range cases {
		f, err := Parse(c.File, math.MaxInt64)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := f.Decode(ctx, 1, 16); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestScansAreBounded sends the last scan of a progressive file again and again.
func TestScansAreBounded(t *testing.T) {
	cases, _ := kinds(t)
	file := cases["grey progressive"].File
	last, end := bytes.LastIndex(file, []byte{0xff, markerSOS}), len(file)-2
	bomb := slices.Concat(file[:end], bytes.Repeat(file[last:end], 100), file[end:])
	if _, err := Parse(bomb, 20*48*40); !errors.Is(err, ErrTooManyScans) {
		t.Errorf("a hundred scans: %v", err)
	}
	if _, err := decode(bomb, 1, 16); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "out of turn") {
		t.Errorf("a scan sent twice: %v", err)
	}
}
