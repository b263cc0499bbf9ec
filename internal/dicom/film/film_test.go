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
)

// made is a film of 32 x 24 pixels in 8 bits, changed as a test wants it.
func made(t testing.TB, syntax string, change func(d *dicom.Dataset)) []byte {
	t.Helper()
	d := new(dicom.Dataset)
	d.SetStrings(dicom.SOPClassUID, dicom.CRImage)
	d.SetStrings(dicom.SOPInstanceUID, "2.25.7")
	d.SetStrings(dicom.StudyInstanceUID, "2.25.8")
	d.SetStrings(dicom.SeriesInstanceUID, "2.25.9")
	d.SetStrings(dicom.Modality, "CR")
	d.SetStrings(dicom.PhotometricInterpretation, "MONOCHROME2")
	for tag, n := range map[dicom.Tag]int{
		dicom.SamplesPerPixel: 1, dicom.Rows: 24, dicom.Columns: 32, dicom.BitsAllocated: 8, dicom.BitsStored: 8, dicom.HighBit: 7, dicom.PixelRepresentation: 0,
	} {
		d.SetInts(tag, n)
	}
	pixels := make([]byte, 24*32)
	for i := range pixels {
		pixels[i] = byte(i % 251)
	}
	d.SetBytes(dicom.PixelData, dicom.OB, pixels)
	if change != nil {
		change(d)
	}
	file, err := dicom.EncodeFile(d, syntax)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func opened(t testing.TB, change func(d *dicom.Dataset)) *Film {
	t.Helper()
	f, err := Open(made(t, dicom.ExplicitLittleEndian, change))
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
		_, err := Open(made(t, dicom.ExplicitLittleEndian, c.change))
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

func TestEveryTurnMakesTheFilmUpright(t *testing.T) {
	for orientation, want := range map[string]int{
		`L\F`: 1, `R\F`: 2, `R\H`: 3, `L\H`: 4, `F\L`: 5, `F\R`: 6, `H\R`: 7, `H\L`: 8, `LA\FP`: 1, "": 1,
	} {
		f := opened(t, text(dicom.PatientOrientation, strings.Split(orientation, `\`)...))
		if got := f.Orientation(); got != want || coded(f.Warnings(), "orientation") != (want > 1) || len(f.Doubts()) > 0 {
			t.Errorf("%s: %d, want %d; %q, %v", orientation, got, want, f.Warnings(), f.Doubts())
		}
	}
	for _, orientation := range []string{`A\F`, `P\F`, `L\R`, `F\F`} {
		if f := opened(t, text(dicom.PatientOrientation, strings.Split(orientation, `\`)...)); f.Orientation() != 1 || !doubted(f, "view") {
			t.Errorf("%s: %d, %v", orientation, f.Orientation(), f.Doubts())
		}
	}
	for _, orientation := range []string{"L", `X\Y`, `L\F\H`} {
		if f := opened(t, text(dicom.PatientOrientation, strings.Split(orientation, `\`)...)); f.Orientation() != 1 || !coded(f.Warnings(), "orientation") {
			t.Errorf("%s: %d, %v", orientation, f.Orientation(), f.Warnings())
		}
	}
}

func coded(warnings []string, code string) bool {
	for _, w := range warnings {
		if strings.HasPrefix(w, code+": ") {
			return true
		}
	}
	return false
}

func doubted(f *Film, code string) bool {
	for _, d := range f.Doubts() {
		if d.Code == code {
			return true
		}
	}
	return false
}

func TestDoubtsViewsAndParts(t *testing.T) {
	code := func(sequence dicom.Tag, value string) func(*dicom.Dataset) {
		return func(d *dicom.Dataset) {
			item := new(dicom.Dataset)
			item.SetStrings(dicom.CodeValue, value)
			d.SetItems(sequence, item)
		}
	}
	for name, c := range map[string]struct {
		change func(*dicom.Dataset)
		doubt  string
	}{
		"AP":                    {text(dicom.ViewPosition, "AP"), ""},
		"PA":                    {text(dicom.ViewPosition, "pa"), ""},
		"AP supine":             {text(dicom.ViewPosition, "AP_SUPINE"), ""},
		"left lateral":          {text(dicom.ViewPosition, "LL"), "view"},
		"lateral in words":      {text(dicom.ViewPosition, "CHEST LAT"), "view"},
		"decubitus":             {text(dicom.ViewPosition, "RLD"), "view"},
		"oblique":               {text(dicom.ViewPosition, "Oblique"), "view"},
		"code of lateral":       {code(dicom.ViewCodeSequence, "399067008"), "view"},
		"older code of lateral": {code(dicom.ViewCodeSequence, "R-10236"), "view"},
		"code of AP":            {code(dicom.ViewCodeSequence, "399348003"), ""},
		"chest":                 {text(dicom.BodyPartExamined, "CHEST"), ""},
		"thorax":                {text(dicom.BodyPartExamined, "Thorax a.p."), ""},
		"portable chest":        {text(dicom.BodyPartExamined, "PORT CHEST"), ""},
		"lungs":                 {text(dicom.BodyPartExamined, "LUNG"), ""},
		"babygram":              {text(dicom.BodyPartExamined, "CHESTABDOMEN"), ""},
		"none":                  {text(dicom.BodyPartExamined, ""), ""},
		"hand":                  {text(dicom.BodyPartExamined, "HAND"), "body-part"},
		"thoracic spine":        {text(dicom.BodyPartExamined, "THORACIC_SPINE"), "body-part"},
		"another text":          {text(dicom.BodyPartExamined, "MR JONES"), "body-part"},
		"code of the chest":     {code(dicom.AnatomicRegionSequence, "T-D3000"), ""},
		"code of the hand":      {code(dicom.AnatomicRegionSequence, "85562004"), "body-part"},
	} {
		f := opened(t, c.change)
		if c.doubt == "" && len(f.Doubts()) > 0 || c.doubt != "" && !doubted(f, c.doubt) {
			t.Errorf("%s: %v, want %q", name, f.Doubts(), c.doubt)
		}
		for _, d := range f.Doubts() {
			if strings.Contains(d.Text, "JONES") {
				t.Errorf("%s: a text that may be anything is quoted: %s", name, d.Text)
			}
		}
	}
}

func TestWarnsOfWhatTheObjectSays(t *testing.T) {
	for code, change := range map[string]func(*dicom.Dataset){
		"burned-in":      text(dicom.BurnedInAnnotation, "YES"),
		"lossy":          text(dicom.LossyImageCompression, "01"),
		"for-processing": text(dicom.PresentationIntentType, "FOR PROCESSING"),
	} {
		if f := opened(t, change); !coded(f.Warnings(), code) || len(f.Warnings()) != 1 {
			t.Errorf("%s: %q", code, f.Warnings())
		}
	}
	if f := opened(t, nil); len(f.Warnings()) > 0 || len(f.Doubts()) > 0 {
		t.Errorf("%q, %v", f.Warnings(), f.Doubts())
	}
}

func TestAges(t *testing.T) {
	for name, c := range map[string]struct {
		age, birth, study string
		want              int
	}{
		"years": {"005Y", "", "", 5}, "months": {"023M", "", "", 1}, "weeks": {"051W", "", "", 0}, "weeks of a year": {"053W", "", "", 1},
		"days": {"400D", "", "", 1}, "a number alone": {"81", "", "", 81}, "nonsense": {"abcY", "", "", -1}, "too old": {"200Y", "", "", -1},
		"the day before": {"", "20200311", "20260310", 5}, "the birthday": {"", "20200311", "20260311", 6}, "born later": {"", "20270101", "20260311", -1},
		"no study": {"", "20200311", "", -1}, "neither": {"", "", "", -1}, "age before dates": {"003Y", "20000101", "20260101", 3}, "a bad age": {"Y", "20200101", "20260101", 6},
	} {
		f := opened(t, func(d *dicom.Dataset) {
			d.SetStrings(dicom.PatientAge, c.age)
			d.SetStrings(dicom.PatientBirthDate, c.birth)
			d.SetStrings(dicom.StudyDate, c.study)
		})
		if years, ok := f.Age(); years != c.want || ok != (c.want >= 0) {
			t.Errorf("%s: %d, %v, want %d", name, years, ok, c.want)
		}
	}
}

func TestFactsHaveNothingOfThePatient(t *testing.T) {
	f := opened(t, func(d *dicom.Dataset) {
		for _, tag := range []dicom.Tag{dicom.PatientName, dicom.PatientID, dicom.BodyPartExamined, dicom.ViewPosition, dicom.PresentationIntentType, dicom.InstitutionName} {
			d.SetStrings(tag, "PLANTED")
		}
		d.SetStrings(dicom.PatientAge, "097Y")
	})
	shown, err := f.Decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	facts := f.Facts(shown)
	if facts.BodyPart != "OTHER" || facts.ViewPosition != "OTHER" || facts.Intent != "OTHER" || *facts.Age != 90 || facts.SOPClass != dicom.CRImage {
		t.Errorf("%+v", facts)
	}
	for _, w := range f.Warnings() {
		if strings.Contains(w, "PLANTED") {
			t.Error(w)
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

func TestAspects(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*dicom.Dataset)
		want   float64
	}{
		"none":         {nil, 1},
		"square":       {text(dicom.PixelSpacing, "0.143", "0.143"), 1},
		"tall":         {text(dicom.PixelSpacing, "0.2", "0.1"), 2},
		"of the plate": {text(dicom.ImagerPixelSpacing, "0.1", "0.2"), 0.5},
		"a ratio":      {text(dicom.PixelAspectRatio, "3", "2"), 1.5},
		"zero":         {text(dicom.PixelSpacing, "0.000", "0.000"), 1},
		"absurd":       {text(dicom.PixelSpacing, "1000", "0.001"), 1},
		"nonsense":     {text(dicom.PixelSpacing, "a", "b"), 1},
	} {
		if got := opened(t, c.change).Aspect(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
