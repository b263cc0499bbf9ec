package dicom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// raw is a data element as it is stored; an empty vr makes it implicit.
func raw(order binary.AppendByteOrder, tag Tag, vr VR, value string) []byte {
	out := order.AppendUint16(order.AppendUint16(nil, tag.Group()), tag.Element())
	switch {
	case vr == "":
		out = order.AppendUint32(out, uint32(len(value)))
	case kinds[vr].long:
		out = order.AppendUint32(append(append(out, vr...), 0, 0), uint32(len(value)))
	default:
		out = order.AppendUint16(append(out, vr...), uint16(len(value)))
	}
	return append(out, value...)
}

func explicit(tag Tag, vr VR, value string) []byte { return raw(binary.LittleEndian, tag, vr, value) }

// unknown is the beginning of an element without a length.
func unknown(tag Tag, vr VR) []byte {
	out := explicit(tag, vr, "")
	return append(out[:len(out)-4], 0xff, 0xff, 0xff, 0xff)
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func TestFaultsAreNamedWithTheirTagAndPlace(t *testing.T) {
	modality := explicit(Modality, CS, "CR") // 10 bytes
	itemOf := func(length uint32) []byte { return appendHeader(nil, item, length) }
	end := appendHeader(nil, sequenceDelimiter, 0)
	deep := []byte{}
	for range 20 {
		deep = join(deep, unknown(ReferencedImageSequence, SQ), itemOf(undefinedLength))
	}
	for name, c := range map[string]struct {
		data   []byte
		tag    Tag
		offset int64
		reason string
	}{
		"no representation":       {join(modality, raw(binary.LittleEndian, StudyDate, "", "20260102")), StudyDate, 10, `representation "\b\x00" is unknown`},
		"value past the end":      {join(modality, explicit(StudyDate, DA, "20260102")[:12]), StudyDate, 10, "its length is 8, and 4 bytes are left"},
		"header cut":              {join(modality, []byte{8, 0, 0x20, 0, 'D'}), 0, 10, "5 bytes left"},
		"long header cut":         {join(modality, explicit(ReferencedImageSequence, SQ, "")[:10]), ReferencedImageSequence, 10, "cut short before its length"},
		"length that wraps":       {join(modality, unknown(PixelData, OB)[:8], []byte{0xfe, 0xff, 0xff, 0xff}), PixelData, 10, "its length is 4294967294"},
		"text of unknown length":  {join(modality, unknown(CodeMeaning+1, UT)), CodeMeaning + 1, 10, "cannot have an unknown length"},
		"sequence without end":    {join(modality, unknown(ReferencedImageSequence, SQ)), ReferencedImageSequence, 10, "the data ends within the sequence"},
		"item without end":        {join(modality, unknown(ReferencedImageSequence, SQ), itemOf(undefinedLength), modality), itemDelimiter, 40, "the data ends within an item"},
		"item past the end":       {join(modality, unknown(ReferencedImageSequence, SQ), itemOf(100)), ReferencedImageSequence, 22, "an item's length is 100, and 0 bytes are left"},
		"item past its sequence":  {join(modality, explicit(ReferencedImageSequence, SQ, string(itemOf(10))), modality), ReferencedImageSequence, 22, "an item's length is 10, and 0 bytes are left"},
		"element past its item":   {join(modality, explicit(ReferencedImageSequence, SQ, string(join(itemOf(8), explicit(StudyDate, DA, "20260102"))))), StudyDate, 30, "its length is 8, and 0 bytes are left"},
		"no item in a sequence":   {join(modality, explicit(ReferencedImageSequence, SQ, string(modality))), Modality, 22, "where an item was expected"},
		"item outside a sequence": {join(modality, itemOf(0)), item, 10, "a delimiter where an element was expected"},
		"too deep":                {join(modality, deep), ReferencedImageSequence, 10 + 16*20, "more than 16 deep"},
		"pixels without fragment": {join(modality, unknown(PixelData, OB), itemOf(0), end), PixelData, 30, "without a fragment"},
		"fragments without end":   {join(modality, unknown(PixelData, OB), itemOf(0), itemOf(2), []byte{1, 2}), 0, 40, "0 bytes left"},
		"fragment past the end":   {join(modality, unknown(PixelData, OB), itemOf(0), itemOf(20), []byte{1, 2}), PixelData, 30, "a fragment's length is 20"},
		"fragment of no length":   {join(modality, unknown(PixelData, OB), itemOf(0), itemOf(undefinedLength), end), PixelData, 30, "a fragment's length is 4294967295"},
		"element among fragments": {join(modality, unknown(PixelData, OB), itemOf(0), modality), Modality, 30, "within encapsulated pixel data"},
		"too many":                {bytes.Repeat(modality, 20000), Modality, 10 * (8192 + 200000/32), "more than 14442 elements"},
	} {
		_, err := ParseDataset(c.data, ExplicitLittleEndian, Limits{})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if syntax.Tag != c.tag || syntax.Offset != c.offset || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %v at byte %d: …%s", name, err, c.tag, c.offset, c.reason)
		}
		// In a file, the place is counted from its beginning.
		file, err := EncodeFile(object(), ExplicitLittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		head := int64(bytes.Index(file, explicit(SOPClassUID, UI, CRImage+"\x00")))
		if _, err := Parse(join(file[:head], c.data), Limits{}); name != "too many" && (!errors.As(err, &syntax) || syntax.Offset != head+c.offset) {
			t.Errorf("%s: %v in a file, want byte %d", name, err, head+c.offset)
		}
	}
}

// object is a small data set.
func object() *Dataset {
	d := new(Dataset)
	d.SetStrings(SOPClassUID, CRImage)
	d.SetStrings(SOPInstanceUID, "1.2.3")
	d.SetStrings(Modality, "CR")
	return d
}

func TestEveryCutIsAnErrorOrEndsBetweenElements(t *testing.T) {
	for name := range goldens(t) {
		data := testfile(t, name+".dcm")
		whole, err := Parse(data, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ends := map[int64]bool{}
		for _, e := range whole.Dataset.elements {
			ends[e.Offset] = true
		}
		for n := range data {
			f, err := Parse(data[:n], Limits{})
			switch {
			case err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotDICOM):
				t.Fatalf("%s, %d bytes: %v", name, n, err)
			case err == nil && f.Dataset.Len() > whole.Dataset.Len():
				t.Fatalf("%s, %d bytes: %d elements, whole %d", name, n, f.Dataset.Len(), whole.Dataset.Len())
			// Zeros at the end are padding, so that a cut may come a little later than an element's end.
			case err == nil && whole.Syntax != DeflatedLittleEndian && f.Dataset.Len() > 0 && !slices.ContainsFunc([]int64{0, 1, 2, 3, 4, 5, 6, 7}, func(back int64) bool { return ends[int64(n)-back] }) && n < len(data)-24:
				t.Errorf("%s: cut at byte %d, taken for whole", name, n)
			}
		}
	}
}

func TestWhatOtherWritersGetWrongIsRead(t *testing.T) {
	for name, data := range map[string][]byte{
		"representation ??":           join(explicit(Modality, CS, "CR"), explicit(Manufacturer, "??", "AB"), explicit(BodyPartExamined, CS, "CHEST ")),
		"blank representation":        join(explicit(Modality, CS, "CR"), explicit(Manufacturer, "  ", "AB"), explicit(BodyPartExamined, CS, "CHEST ")),
		"later representation":        join(explicit(Modality, CS, "CR"), []byte("\x08\x00\x70\x00ZZ\x00\x00\x02\x00\x00\x00AB"), explicit(BodyPartExamined, CS, "CHEST ")),
		"odd length":                  join(explicit(Modality, CS, "CR"), explicit(Manufacturer, LO, "ABC"), explicit(BodyPartExamined, CS, "CHEST")),
		"zeros to the end of a block": join(explicit(Modality, CS, "CR"), explicit(Manufacturer, LO, "AB"), explicit(BodyPartExamined, CS, "CHEST "), make([]byte, 133)),
		"twice":                       join(explicit(Modality, CS, "DX"), explicit(Manufacturer, LO, "AB"), explicit(BodyPartExamined, CS, "CHEST "), explicit(Modality, CS, "CR")),
	} {
		d, err := ParseDataset(data, ExplicitLittleEndian, Limits{})
		if err != nil || d.String(Modality) != "CR" || !strings.HasPrefix(d.String(Manufacturer), "AB") || d.String(BodyPartExamined) != "CHEST" || d.Len() != 3 {
			t.Errorf("%s: %v, %q %q %q", name, err, d.String(Modality), d.String(Manufacturer), d.String(BodyPartExamined))
		}
	}
	mark := append(make([]byte, 128), "DICM"...)
	for name, data := range map[string][]byte{
		"no meta information":  join(mark, explicit(Modality, CS, "CR")),
		"no transfer syntax":   join(mark, explicit(FileMetaInformationVersion, OB, "\x00\x01"), explicit(Modality, CS, "CR")),
		"implicit, not said":   join(mark, explicit(FileMetaInformationVersion, OB, "\x00\x01"), raw(binary.LittleEndian, Modality, "", "CR")),
		"big endian, not said": join(mark, raw(binary.BigEndian, Modality, CS, "CR")),
	} {
		if f, err := Parse(data, Limits{}); err != nil || f.Dataset.String(Modality) != "CR" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Items may be in implicit VR in a data set that is explicit.
	inner := join(appendHeader(nil, item, 10), raw(binary.LittleEndian, Modality, "", "CR"))
	d, err := ParseDataset(join(explicit(ReferencedImageSequence, SQ, string(inner)), explicit(BodyPartExamined, CS, "CHEST ")), ExplicitLittleEndian, Limits{})
	if err != nil || d.Items(ReferencedImageSequence)[0].String(Modality) != "CR" || d.String(BodyPartExamined) != "CHEST" {
		t.Errorf("implicit item: %v", err)
	}
}

func TestWhatIsNoDICOMIsToldSo(t *testing.T) {
	for _, data := range []string{"", "DICM", "hello, this is no data set", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", strings.Repeat("\x00", 300)} {
		if _, err := Parse([]byte(data), Limits{}); !errors.Is(err, ErrNotDICOM) && !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func TestGroupLengthsAreLeftOutWhereTheyWouldBeWrong(t *testing.T) {
	var d Dataset
	d.Set(Element{Tag: 0x00080000, VR: UL, Value: []byte{1, 2, 3, 4}})
	d.SetStrings(Modality, "CR")
	data, err := d.Encode(ExplicitLittleEndian)
	if err != nil || !bytes.Equal(data, explicit(Modality, CS, "CR")) {
		t.Errorf("%x, %v", data, err)
	}
	var command Dataset
	command.SetInts(CommandGroupLength, 10)
	command.SetInts(Status, 0)
	if data, err := command.Encode(ImplicitLittleEndian); err != nil || len(data) != 12+10 {
		t.Errorf("%x, %v", data, err)
	}
}

// deflated is a file in the deflated syntax.
func deflated(t testing.TB, body []byte) []byte {
	t.Helper()
	file, err := EncodeFile(object(), ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.Replace(file, explicit(TransferSyntaxUID, UI, ExplicitLittleEndian+"\x00"), explicit(TransferSyntaxUID, UI, DeflatedLittleEndian), 1)
	var out bytes.Buffer
	out.Write(file[:bytes.Index(file, explicit(SOPClassUID, UI, CRImage+"\x00"))])
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

func TestWhatInflatesTooFarIsRefusedWithoutMemory(t *testing.T) {
	body := join(explicit(Modality, CS, "CR"), explicit(PixelData, OW, strings.Repeat("\x00", 16<<20)))
	file := deflated(t, body)
	if len(file) > 100<<10 {
		t.Fatalf("%d bytes", len(file))
	}
	taken := allocated(func() {
		if _, err := Parse(file, Limits{Inflated: 16 << 20}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "more than 16777216 bytes") {
			t.Errorf("%v", err)
		}
	})
	if taken > 2<<20 {
		t.Errorf("%d bytes taken to refuse it", taken)
	}
	taken = allocated(func() {
		if f, err := Parse(file, Limits{Inflated: 17 << 20}); err != nil || len(f.Dataset.Get(PixelData).Value) != 16<<20 {
			t.Errorf("%v", err)
		}
	})
	if taken > 17<<20 {
		t.Errorf("%d bytes taken", taken)
	}
	if _, err := Parse(file[:len(file)-10], Limits{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut: %v", err)
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Files that are all headers take the most memory for their size.
func TestMemoryIsBoundedByTheSize(t *testing.T) {
	empty := explicit(Modality, CS, "")
	var rising, falling []byte
	for n := range 40000 {
		rising = append(rising, raw(binary.LittleEndian, NewTag(9, uint16(n)), "", "")...)
		falling = append(falling, raw(binary.LittleEndian, NewTag(9, uint16(60000-n)), "", "")...)
	}
	manyItems := bytes.Repeat(appendHeader(nil, item, 0), 60000)
	nested := join(unknown(ReferencedImageSequence, SQ), bytes.Repeat(join(appendHeader(nil, item, uint32(len(empty))), empty), 40000), appendHeader(nil, sequenceDelimiter, 0))
	fragments := join(unknown(PixelData, OB), manyItems, appendHeader(nil, sequenceDelimiter, 0))
	words := raw(binary.BigEndian, PixelData, OW, strings.Repeat("ab", 1<<20))
	for name, c := range map[string]struct {
		data   []byte
		syntax string
	}{
		"empty elements":     {rising, ImplicitLittleEndian},
		"in the wrong order": {falling, ImplicitLittleEndian},
		"all the same":       {bytes.Repeat(empty, 60000), ExplicitLittleEndian},
		"empty items":        {explicit(ReferencedImageSequence, SQ, string(manyItems)), ExplicitLittleEndian},
		"nested":             {nested, ExplicitLittleEndian},
		"empty fragments":    {fragments, ExplicitLittleEndian},
		"big endian":         {words, ExplicitBigEndian},
	} {
		for _, size := range []int{len(c.data), 100 << 10} {
			data := c.data[:min(size, len(c.data))]
			begin := time.Now()
			taken := allocated(func() { _, _ = ParseDataset(data, c.syntax, Limits{}) })
			if most := uint64(4*len(data) + 1<<20); taken > most {
				t.Errorf("%s: %d bytes taken for %d, at most %d", name, taken, len(data), most)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("%s: %v", name, took)
			}
		}
	}
	// The same with as many elements as there may be, so that it is parsed to its end.
	for name, unit := range map[string][]byte{
		"elements":  raw(binary.LittleEndian, 0x00090001, "", ""),
		"items":     appendHeader(nil, item, 0),
		"fragments": appendHeader(nil, item, 0),
	} {
		const most = 8192 + 8192/4 - 100 // of 8 bytes each
		data := bytes.Repeat(unit, most)
		syntax := ExplicitLittleEndian
		switch name {
		case "elements":
			syntax = ImplicitLittleEndian
			for n := range most {
				binary.LittleEndian.PutUint16(data[8*n+2:], uint16(n))
			}
		case "items":
			data = explicit(ReferencedImageSequence, SQ, string(data))
		case "fragments":
			data = join(unknown(PixelData, OB), data, appendHeader(nil, sequenceDelimiter, 0))
		}
		taken := allocated(func() {
			if _, err := ParseDataset(data, syntax, Limits{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if most := uint64(4*len(data) + 1<<20); taken > most {
			t.Errorf("%s: %d bytes taken for %d, at most %d", name, taken, len(data), most)
		}
	}
}

func TestOnlyDICOMIsTakenForIt(t *testing.T) {
	for name := range goldens(t) {
		if data := testfile(t, name+".dcm"); !Sniff(data) && name != "out_of_order" {
			t.Errorf("%s is not recognised", name)
		}
	}
	for name, data := range map[string][]byte{
		"tags that fall": join(explicit(ImageType, CS, "AB"), explicit(SpecificCharacterSet, CS, "AB"), explicit(SOPClassUID, UI, "1.")),
		"an odd length":  join(explicit(SpecificCharacterSet, CS, "ABC"), explicit(ImageType, CS, "AB"), explicit(SOPClassUID, UI, "1.")),
		"another group":  join(explicit(0x00090005, CS, "AB"), explicit(0x00090008, CS, "AB"), explicit(0x00090010, CS, "AB")),
		"one element":    explicit(SpecificCharacterSet, CS, "ISO_IR 100"),
		"zeros":          make([]byte, 300),
		"nothing":        nil,
	} {
		if Sniff(data) {
			t.Errorf("%s is taken for DICOM", name)
		}
	}
}
