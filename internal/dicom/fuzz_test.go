package dicom

import (
	"errors"
	"testing"
	"time"
)

var syntaxes = []string{ImplicitLittleEndian, ExplicitLittleEndian, ExplicitBigEndian, DeflatedLittleEndian, JPEGBaseline}

// FuzzParse holds what is promised of any bytes at all: a known error or a data set, in little time and memory, which is
// read again as it was once it has been written.
func FuzzParse(f *testing.F) {
	for name := range goldens(f) {
		data := testfile(f, name+".dcm")
		f.Add(data, byte(255))
		if file, err := Parse(data, Limits{}); err == nil {
			if body, err := file.Dataset.Encode(ExplicitLittleEndian); err == nil {
				f.Add(body, byte(1))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, syntax byte) {
		limits := Limits{Inflated: 1 << 20}
		var d *Dataset
		var err error
		begin := time.Now()
		taken := allocated(func() {
			if int(syntax) < len(syntaxes) {
				d, err = ParseDataset(data, syntaxes[syntax], limits)
				return
			}
			var file *File
			if file, err = Parse(data, limits); err == nil {
				d = file.Dataset
			}
		})
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("took %v", took)
		}
		if most := uint64(4*len(data)) + 4*uint64(limits.Inflated) + 2<<20; taken > most {
			t.Fatalf("%d bytes taken for %d", taken, len(data))
		}
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotDICOM) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		look(d)
		if err := rewrite(d, ExplicitLittleEndian); err != nil {
			t.Fatal(err)
		}
	})
}

// look asks for every value in every way.
func look(d *Dataset) {
	for _, e := range d.Elements() {
		d.Strings(e.Tag)
		d.Ints(e.Tag)
		d.Floats(e.Tag)
		for _, below := range e.Items {
			look(below)
		}
	}
}

// FuzzText decodes any bytes in any character set.
func FuzzText(f *testing.F) {
	for name := range goldens(f) {
		file, err := Parse(testfile(f, name+".dcm"), Limits{})
		if err != nil {
			f.Fatal(err)
		}
		if e := file.Dataset.Get(PatientName); e != nil {
			f.Add(string(file.Dataset.Get(SpecificCharacterSet).Value), e.Value)
		}
	}
	f.Fuzz(func(t *testing.T, terms string, value []byte) {
		var d Dataset
		d.Set(Element{Tag: SpecificCharacterSet, VR: CS, Value: []byte(terms)})
		d.Set(Element{Tag: PatientName, VR: PN, Value: value})
		var text string
		if taken := allocated(func() { text = d.String(PatientName) }); taken > uint64(64*len(value)+8*len(terms)+1<<18) && len(value) < 1<<12 {
			t.Fatalf("%d bytes taken for %d", taken, len(value))
		}
		if text != "" && len(text) > 4*len(value) {
			t.Fatalf("%d bytes of text for %d", len(text), len(value))
		}
	})
}
