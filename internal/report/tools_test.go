package report

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var keep = flag.String("objects", "", "a folder to keep the objects in, for testdata/validate.py")

// objects writes all objects of the kinds, of all films and answers, of real films too where there are any, and lists their
// files.
func objects(t *testing.T, kinds ...string) []string {
	t.Helper()
	folder := t.TempDir()
	if *keep != "" {
		folder = *keep
	}
	var paths []string
	write := func(name string, in Input) {
		for _, kind := range kinds {
			o, err := Make(kind, in)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			path := filepath.Join(folder, strings.ReplaceAll(name, " ", "-")+"."+kind)
			if err := os.WriteFile(path, o.Body, 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	for name, film := range films() {
		write(name, input(film))
	}
	for name, change := range variants() {
		in := input(film())
		change(&in)
		write(name, in)
	}
	for name, f := range realFilms(t) {
		in := input(f.Dataset)
		in.Syntax = f.Syntax
		write(name, in)
	}
	return paths
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// dciodvfy (dicom3tools) checks an object against its IOD.
func TestObjectsAreAsTheirIODSays(t *testing.T) {
	dciodvfy := tool(t, "dciodvfy")
	for _, path := range objects(t, KindSR, KindSC) {
		out, _ := exec.Command(dciodvfy, path).CombinedOutput()
		for _, line := range strings.Split(string(out), "\n") {
			switch {
			case strings.HasPrefix(line, "Error"):
				t.Errorf("%s: %s", filepath.Base(path), line)
			case strings.HasPrefix(line, "Warning"):
				t.Logf("%s: %s", filepath.Base(path), line)
			}
		}
		if !regexp.MustCompile(`(?m)^(Comprehensive3DSR|SCImage)`).Match(out) {
			t.Errorf("%s: its IOD is not recognised: %s", filepath.Base(path), out)
		}
	}
}

// dsrdump (dcmtk) reads a report and complains about what it would not write.
func TestReportsAreReadWithoutComplaint(t *testing.T) {
	dsrdump := tool(t, "dsrdump")
	for _, path := range objects(t, KindSR) {
		var out, complaints bytes.Buffer
		cmd := exec.Command(dsrdump, "+Pt", "+Pu", path)
		cmd.Stdout, cmd.Stderr = &out, &complaints
		err := cmd.Run()
		for _, line := range strings.Split(strings.TrimSpace(complaints.String()), "\n") {
			// It says of some character sets that it cannot convert them, which is no fault of the report's.
			if line != "" && !strings.Contains(line, "Specific Character Set") && !strings.Contains(line, "SpecificCharacterSet") {
				t.Errorf("%s: %s", filepath.Base(path), line)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
		if !strings.Contains(out.String(), "TID 1500") || !strings.Contains(out.String(), "TID 1501") {
			t.Errorf("%s: %s", filepath.Base(path), &out)
		}
	}
}

func TestObjectsBecomeJSON(t *testing.T) {
	dcm2json := tool(t, "dcm2json")
	for _, path := range objects(t, KindSR, KindSC) {
		if out, err := exec.Command(dcm2json, path).CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("{")) {
			t.Errorf("%s: %v: %s", filepath.Base(path), err, out)
		}
	}
}

// Every kind is made of every film and answer. With -objects they are kept, and testdata/validate.py reads them as pydicom,
// highdicom, fhir.resources and hl7 do.
func TestAllObjectsAreMade(t *testing.T) {
	paths := objects(t, Kinds()...)
	if len(paths) < 4*(len(films())+len(variants())) {
		t.Errorf("%d objects", len(paths))
	}
}
