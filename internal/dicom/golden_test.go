package dicom

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// golden is what pydicom reads of a file; see testdata/make.py.
type golden struct {
	Syntax   string
	Elements []goldenElement
	JSON     map[string]any
}

type goldenElement struct {
	Tag, VR string
	Value   json.RawMessage
}

func goldens(t testing.TB) map[string]golden {
	t.Helper()
	var all map[string]golden
	if err := json.Unmarshal(testfile(t, "expected.json"), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("%d goldens", len(all))
	}
	return all
}

func testfile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFilesAreReadAsByPydicom(t *testing.T) {
	for name, want := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			f, err := Parse(testfile(t, name+".dcm"), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if want.Syntax != "" && f.Syntax != want.Syntax {
				t.Errorf("transfer syntax %s, want %s", f.Syntax, want.Syntax)
			}
			compare(t, f.Dataset, want.Elements, strings.Contains(name, "implicit"))
		})
	}
}

// compare holds a data set against what pydicom reads. In implicit VR its dictionary has representations that this package's
// has not.
func compare(t *testing.T, d *Dataset, want []goldenElement, implicit bool) {
	t.Helper()
	got := slices.DeleteFunc(slices.Clone(d.Elements()), func(e Element) bool { return e.Tag.Element() == 0 })
	if len(got) != len(want) {
		t.Fatalf("%d elements, want %d", len(got), len(want))
	}
	for i, e := range got {
		w := want[i]
		if tag := fmt.Sprintf("%08X", uint32(e.Tag)); tag != w.Tag {
			t.Fatalf("%v, want %s", e.Tag, w.Tag)
		}
		if string(e.VR) != w.VR {
			if e.VR == UN {
				continue
			}
			t.Errorf("%v is %s, want %s", e.Tag, e.VR, w.VR)
		}
		if e.VR == SQ {
			var items [][]goldenElement
			unmarshal(t, w.Value, &items)
			if len(items) != len(e.Items) {
				t.Fatalf("%v has %d items, want %d", e.Tag, len(e.Items), len(items))
			}
			for i, below := range e.Items {
				compare(t, below, items[i], implicit)
			}
			continue
		}
		compareValue(t, d, e, w)
	}
}

func compareValue(t *testing.T, d *Dataset, e Element, w goldenElement) {
	t.Helper()
	switch e.VR {
	case US, SS, UL, SL, AT, FL, FD, DS, IS:
		var numbers []float64
		unmarshal(t, w.Value, &numbers)
		if got, _ := d.Floats(e.Tag); !slices.Equal(got, numbers) {
			t.Errorf("%v is %v, want %v", e.Tag, got, numbers)
		}
	case OB, OW, UN:
		var bytes string
		unmarshal(t, w.Value, &bytes)
		if e.Fragments != nil {
			want, err := hex.DecodeString(bytes)
			if err != nil {
				t.Fatal(err)
			}
			var all []byte
			for _, f := range e.Fragments {
				all = appendHeader(all, item, uint32(len(f)))
				all = append(all, f...)
			}
			if string(all) != string(want) {
				t.Errorf("fragments %x, want %x", all, want)
			}
		} else if hex.EncodeToString(e.Value) != bytes {
			t.Errorf("%v is %x, want %s", e.Tag, e.Value, bytes)
		}
	default:
		var texts []string
		unmarshal(t, w.Value, &texts)
		if got := d.Strings(e.Tag); !slices.Equal(got, texts) {
			t.Errorf("%v is %q, want %q", e.Tag, got, texts)
		}
	}
}

func unmarshal(t *testing.T, from json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(from, into); err != nil {
		t.Fatalf("%v in %s", err, from)
	}
}

// What is written is read again as it was, in explicit and in implicit VR.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for name := range goldens(t) {
		f, err := Parse(testfile(t, name+".dcm"), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, syntax := range []string{ExplicitLittleEndian, ImplicitLittleEndian} {
			if e := f.Dataset.Get(PixelData); e != nil && e.Fragments != nil && syntax == ImplicitLittleEndian {
				continue
			}
			if err := rewrite(f.Dataset, syntax); err != nil {
				t.Errorf("%s, %s: %v", name, UIDName(syntax), err)
			}
		}
	}
}

func rewrite(d *Dataset, syntax string) error {
	data, err := d.Encode(syntax)
	if err != nil {
		return err
	}
	again, err := ParseDataset(data, syntax, Limits{})
	if err != nil {
		return err
	}
	return same(d, again, syntax)
}

// same tells where two data sets are different, besides the lengths of groups, padding and, in implicit VR, representations.
func same(a, b *Dataset, syntax string) error {
	kept := slices.DeleteFunc(slices.Clone(a.elements), func(e Element) bool { return e.Tag.Element() == 0 && e.Tag.Group() > 2 })
	if len(kept) != len(b.elements) {
		return fmt.Errorf("%d elements, then %d", len(kept), len(b.elements))
	}
	for i, e := range kept {
		w := b.elements[i]
		value := e.Value
		if len(value)%2 != 0 {
			value = append(slices.Clone(value), kinds[e.VR].pad)
		}
		switch {
		case e.Tag != w.Tag:
			return fmt.Errorf("%v, then %v", e.Tag, w.Tag)
		case syntax == ExplicitLittleEndian && e.VR != w.VR && (kinds[e.VR].long || len(e.Value) < 0xffff):
			return fmt.Errorf("%v: %s, then %s", e.Tag, e.VR, w.VR)
		case string(value) != string(w.Value):
			return fmt.Errorf("%v: another value", e.Tag)
		case len(e.Items) != len(w.Items), len(e.Fragments) != len(w.Fragments):
			return fmt.Errorf("%v: %d items and %d fragments, then %d and %d", e.Tag, len(e.Items), len(e.Fragments), len(w.Items), len(w.Fragments))
		}
		for j := range e.Items {
			if err := same(e.Items[j], w.Items[j], syntax); err != nil {
				return fmt.Errorf("%v, item %d: %w", e.Tag, j, err)
			}
		}
		for j, f := range e.Fragments {
			if len(f)%2 != 0 {
				f = append(slices.Clone(f), 0)
			}
			if !reflect.DeepEqual(f, w.Fragments[j]) && len(f) > 0 {
				return fmt.Errorf("%v: another fragment %d", e.Tag, j)
			}
		}
	}
	return nil
}

// shared is the folder of real files that lies beside a checkout, or that SPIKERAY_SHARED names.
func shared(t testing.TB, folder string) string {
	t.Helper()
	root := os.Getenv("SPIKERAY_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(root, "data", folder)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real files here: ../shared/data/%s is absent", folder)
	}
	return path
}

func TestRealFilesAreReadAndWritten(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "dicom"), "*", "*.dcm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !Sniff(data) {
			t.Errorf("%s is not recognised", name)
		}
		f, err := Parse(data, Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rows, _ := f.Dataset.Int(Rows)
		columns, _ := f.Dataset.Int(Columns)
		bits, _ := f.Dataset.Int(BitsAllocated)
		samples, _ := f.Dataset.Int(SamplesPerPixel)
		pixels := f.Dataset.Get(PixelData)
		switch {
		case pixels == nil:
			if name != "no-pixel-data.dcm" {
				t.Errorf("%s: no pixels", name)
			}
		case Encapsulated(f.Syntax) != (pixels.Fragments != nil):
			t.Errorf("%s in %s: %d fragments", name, NamedUID(f.Syntax), len(pixels.Fragments))
		case !Encapsulated(f.Syntax) && len(pixels.Value) != rows*columns*samples*bits/8:
			t.Errorf("%s: %d bytes for %d x %d x %d of %d bits", name, len(pixels.Value), columns, rows, samples, bits)
		}
		for _, syntax := range []string{ExplicitLittleEndian, ImplicitLittleEndian} {
			if pixels != nil && pixels.Fragments != nil && syntax == ImplicitLittleEndian {
				continue
			}
			if err := rewrite(f.Dataset, syntax); err != nil {
				t.Errorf("%s, %s: %v", name, UIDName(syntax), err)
			}
		}
		file, err := EncodeFile(f.Dataset, ExplicitLittleEndian)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := Parse(file, Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := same(f.Dataset, again.Dataset, ExplicitLittleEndian); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
