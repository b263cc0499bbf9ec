package film

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// made is a film of 32 x 24 pixels in 8 bits, changed as a test wants it.
func made(change func(d *dicom.Dataset)) []byte {
	picture := image.NewGray(image.Rect(0, 0, 32, 24))
	for i := range picture.Pix {
		picture.Pix[i] = byte(i % 251)
	}
	return testmodel.Film(picture, change)
}

func opened(t testing.TB, change func(d *dicom.Dataset)) *Film {
	t.Helper()
	f, err := Open(made(change))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func text(tag dicom.Tag, values ...string) func(*dicom.Dataset) {
	return func(d *dicom.Dataset) { d.SetStrings(tag, values...) }
}

func whole(tag dicom.Tag, n int) func(*dicom.Dataset) {
	return func(d *dicom.Dataset) { d.SetInts(tag, n) }
}

func TestRefusesByName(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*dicom.Dataset)
		kind   error
		want   string
	}{
		"a directory":     {text(dicom.SOPClassUID, dicom.MediaStorageDirectory), ErrUnsupported, "DICOMDIR"},
		"fluoroscopy":     {text(dicom.Modality, "RF"), ErrNotRadiograph, "RF (radio fluoroscopy)"},
		"a photograph":    {text(dicom.Modality, "XC"), ErrNotRadiograph, "XC (external-camera photography)"},
		"mammography":     {text(dicom.Modality, "MG"), ErrNotRadiograph, "MG (mammography)"},
		"dental":          {text(dicom.Modality, "IO"), ErrNotRadiograph, "IO (intra-oral radiography)"},
		"panoramic":       {text(dicom.Modality, "PX"), ErrNotRadiograph, "PX (panoramic radiography)"},
		"no modality":     {func(d *dicom.Dataset) { d.Delete(dicom.Modality) }, ErrNotRadiograph, "no modality"},
		"odd modality":    {text(dicom.Modality, "JONES"), ErrNotRadiograph, "another modality"},
		"a report":        {text(dicom.SOPClassUID, dicom.Comprehensive3DSR), ErrNotRadiograph, "Comprehensive 3D SR"},
		"a CT class":      {text(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2"), ErrNotRadiograph, "CT Image Storage"},
		"frames":          {text(dicom.NumberOfFrames, "3"), ErrNotRadiograph, "3 frames"},
		"colour":          {text(dicom.PhotometricInterpretation, "RGB"), ErrNotRadiograph, "RGB"},
		"palette":         {text(dicom.PhotometricInterpretation, "PALETTE COLOR"), ErrNotRadiograph, "PALETTE COLOR"},
		"no photometric":  {func(d *dicom.Dataset) { d.Delete(dicom.PhotometricInterpretation) }, ErrDamaged, "PhotometricInterpretation"},
		"three samples":   {whole(dicom.SamplesPerPixel, 3), ErrDamaged, "3 samples"},
		"no pixels":       {func(d *dicom.Dataset) { d.Delete(dicom.PixelData) }, ErrDamaged, "(7FE0,0010) PixelData"},
		"floating point":  {func(d *dicom.Dataset) { d.SetBytes(dicom.FloatPixelData, dicom.OF, make([]byte, 8)) }, ErrUnsupported, "floating-point"},
		"packed":          {whole(dicom.BitsAllocated, 12), ErrUnsupported, "12 bits allocated, packed"},
		"one bit":         {whole(dicom.BitsAllocated, 1), ErrUnsupported, "1 bits allocated"},
		"32 bits":         {whole(dicom.BitsAllocated, 32), ErrUnsupported, "32 bits allocated"},
		"too many stored": {whole(dicom.BitsStored, 9), ErrDamaged, "9 bits stored in 8"},
		"none stored":     {whole(dicom.BitsStored, 0), ErrDamaged, "0 bits stored"},
		"high bit":        {whole(dicom.HighBit, 8), ErrDamaged, "high bit 8"},
		"no rows":         {whole(dicom.Rows, 0), ErrDamaged, "0 rows"},
		"more rows":       {whole(dicom.Rows, 60000), ErrDamaged, "take 1920000"},
		"rows missing":    {func(d *dicom.Dataset) { d.Delete(dicom.Rows) }, ErrDamaged, "(0028,0010) Rows is missing"},
	} {
		_, err := Open(made(c.change))
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %v: %s", name, err, c.kind, c.want)
		}
	}
	if _, err := Open([]byte("no film at all")); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// TestRefusesSyntaxesByUIDAndName writes films in explicit little endian and says that they are in another syntax.
func TestRefusesSyntaxesByUIDAndName(t *testing.T) {
	for uid, name := range map[string]string{
		"1.2.840.10008.1.2.4.102": "MPEG-4", "1.2.840.10008.1.2.4.110": "JPEG XL", "1.2.840.10008.1.2.4.201": "High-Throughput", "1.2.3.4": "",
	} {
		f := opened(t, nil)
		f.Syntax = uid
		_, err := f.openFrame(f.Dataset.Get(dicom.PixelData))
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), uid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", uid, err)
		}
	}
	f := opened(t, nil)
	f.Syntax = dicom.JPEGLossless
	if _, err := f.openFrame(f.Dataset.Get(dicom.PixelData)); !errors.Is(err, ErrDamaged) {
		t.Errorf("native pixels in a compressed syntax: %v", err)
	}
	f.Dataset.Set(dicom.Element{Tag: dicom.PixelData, VR: dicom.OB, Fragments: [][]byte{nil, {1, 2}}})
	if _, err := f.openFrame(f.Dataset.Get(dicom.PixelData)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a fragment of nonsense: %v", err)
	}
	f.Syntax = dicom.ExplicitLittleEndian
	if _, err := f.openFrame(f.Dataset.Get(dicom.PixelData)); !errors.Is(err, ErrDamaged) {
		t.Errorf("fragments in a native syntax: %v", err)
	}
}

// TestCompressedFramesMustFitTheObject changes what the object says of a good JPEG frame.
func TestCompressedFramesMustFitTheObject(t *testing.T) {
	data := goldens(t)["jpeg-lossless.dcm"]
	for tag, n := range map[dicom.Tag]int{dicom.Rows: 13, dicom.Columns: 15, dicom.BitsAllocated: 8} {
		file, err := dicom.Parse(data, dicom.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		file.Dataset.SetInts(tag, n)
		if tag == dicom.BitsAllocated {
			file.Dataset.SetInts(dicom.BitsStored, n)
			file.Dataset.SetInts(dicom.HighBit, n-1)
		}
		f := &Film{Syntax: file.Syntax, Dataset: file.Dataset}
		if err := f.openImage(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "compressed frame") {
			t.Errorf("%v %d: %v", tag, n, err)
		}
	}
}

func TestWindowsThatCannotBeUsedAreSaid(t *testing.T) {
	deep := func(change ...func(*dicom.Dataset)) *Shown {
		f := opened(t, func(d *dicom.Dataset) {
			d.SetInts(dicom.BitsAllocated, 16)
			d.SetInts(dicom.BitsStored, 12)
			d.SetInts(dicom.HighBit, 11)
			var cells []byte
			for i := range 24 * 32 {
				cells = binary.LittleEndian.AppendUint16(cells, uint16(1000+i))
			}
			d.SetBytes(dicom.PixelData, dicom.OW, cells)
			for _, c := range change {
				c(d)
			}
		})
		shown, err := f.Decode(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	window := func(center, width, function string) func(*dicom.Dataset) {
		return func(d *dicom.Dataset) {
			d.SetStrings(dicom.WindowCenter, center)
			d.SetStrings(dicom.WindowWidth, width)
			d.SetStrings(dicom.VOILUTFunction, function)
		}
	}
	for name, c := range map[string]struct {
		shown    *Shown
		function string
		warning  string
	}{
		"good":              {deep(window("1400", "700", "LINEAR")), Linear, ""},
		"none":              {deep(), Data, "window"},
		"narrower than one": {deep(window("1400", "0.5", "LINEAR")), Data, "window"},
		"negative":          {deep(window("1400", "-3", "SIGMOID")), Data, "window"},
		"no numbers":        {deep(window("big", "small", "")), Data, "window"},
		"unknown function":  {deep(window("1400", "700", "CUBIC")), Data, "window"},
		"beside the data":   {deep(window("3000", "100", "LINEAR")), Linear, "window"},
		"below the data":    {deep(window("100", "100", "LINEAR")), Linear, "window"},
		"contradiction":     {deep(window("1400", "700", ""), text(dicom.PresentationLUTShape, "INVERSE")), Linear, "polarity"},
		"no slope":          {deep(window("1400", "700", ""), text(dicom.RescaleSlope, "0"), text(dicom.RescaleIntercept, "3")), Linear, "window"},
		"much padding":      {deep(window("1400", "700", ""), whole(dicom.PixelPaddingValue, 1000), whole(dicom.PixelPaddingRangeLimit, 1100)), Linear, "padding"},
	} {
		if c.shown.Window.Function != c.function || c.warning == "" && len(c.shown.Warnings) > 0 || c.warning != "" && !coded(c.shown.Warnings, c.warning) {
			t.Errorf("%s: %+v, %q", name, c.shown.Window, c.shown.Warnings)
		}
	}
}

// TestAnOddLengthNeedsNoPadding takes a film of 23 x 11 pixels with and without the byte that makes its length even.
func TestAnOddLengthNeedsNoPadding(t *testing.T) {
	for _, pad := range []int{0, 1, 2, 40} {
		f := opened(t, nil)
		f.Dataset.SetInts(dicom.Columns, 23)
		f.Dataset.SetInts(dicom.Rows, 11)
		f.Dataset.Set(dicom.Element{Tag: dicom.PixelData, VR: dicom.OB, Value: append([]byte{9, 200}, make([]byte, 23*11-2+pad)...)})
		if err := f.openImage(); err != nil {
			t.Fatal(err)
		}
		shown, err := f.Decode(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if shown.Image.At(1, 0) != (color.Gray{Y: 200}) || coded(shown.Warnings, "damaged") != (pad > 1) {
			t.Errorf("%d more: %v, %q", pad, shown.Image.At(1, 0), shown.Warnings)
		}
	}
}

func TestDecodeStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	for name, data := range goldens(t) {
		if !strings.HasSuffix(name, ".dcm") {
			continue
		}
		f, err := Open(data)
		if err != nil {
			continue // of the goldens' own test
		}
		if _, err := f.Decode(ctx); !errors.Is(err, why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEightBitsStayWhatTheyAre(t *testing.T) {
	shown, err := opened(t, nil).Decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	grey, ok := shown.Image.(*image.Gray)
	if !ok {
		t.Fatalf("%T", shown.Image)
	}
	for i, v := range grey.Pix {
		if v != byte(i%251) {
			t.Fatalf("pixel %d is %d", i, v)
		}
	}
}

// TestARescaleBeyondAllNumbersIsNotUsed holds such films against the same film without one.
func TestARescaleBeyondAllNumbersIsNotUsed(t *testing.T) {
	want := digest(mustDecode(t, opened(t, nil)).Image)
	for _, c := range [][2]string{{"1e308", "0"}, {"1e308", "-1e308"}, {"1e300", "1e308"}, {"1e-20", "1"}} {
		shown := mustDecode(t, opened(t, func(d *dicom.Dataset) {
			d.SetStrings(dicom.RescaleSlope, c[0])
			d.SetStrings(dicom.RescaleIntercept, c[1])
		}))
		if w := shown.Window; digest(shown.Image) != want || w != between(Full, 0, 255) || !coded(shown.Warnings, "window") {
			t.Errorf("%v: %+v, %q", c, w, shown.Warnings)
		}
	}
}

// TestFragmentsThatAreJoinedAreCounted cuts the stream of a film in two.
func TestFragmentsThatAreJoinedAreCounted(t *testing.T) {
	file, err := dicom.Parse(goldens(t)["jpeg-lossless.dcm"], dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f := &Film{Syntax: file.Syntax, Dataset: file.Dataset}
	if err := f.openImage(); err != nil {
		t.Fatal(err)
	}
	whole := f.Memory()
	pixels := f.Dataset.Get(dicom.PixelData)
	stream := pixels.Fragments[1]
	pixels.Fragments = [][]byte{nil, stream[:100], stream[100:]}
	if err := f.openImage(); err != nil {
		t.Fatal(err)
	}
	if more := f.Memory() - whole; more != int64(len(stream)) {
		t.Errorf("%d bytes more for two fragments of %d bytes in all", more, len(stream))
	}
}
