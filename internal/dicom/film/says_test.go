package film

import (
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

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
