package main

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/spike"
)

// photometric is that of each secondary capture in a folder.
func photometric(t *testing.T, folder string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".dcm") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := dicom.Parse(data, dicom.Limits{})
		if err == nil && f.Dataset.String(dicom.SOPClassUID) == dicom.SecondaryCaptureImage {
			all = append(all, f.Dataset.String(dicom.PhotometricInterpretation))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCapturesShowTheMapWhereThatIsAskedFor(t *testing.T) {
	for want, args := range map[string][]string{"MONOCHROME2": nil, "RGB": {"--send-map"}} {
		dir := t.TempDir()
		folder := filepath.Join(dir, "results")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		p := serve(t, nil, append(args, "--outbox="+filepath.Join(dir, "outbox"), "--send=sr,sc=file://"+folder)...)
		if status, answer := stored(t, p.url, testfilm.File(4, 200, 220)); status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		eventually(t, "a capture is delivered", func() bool { return len(photometric(t, folder)) > 0 })
		if got := photometric(t, folder); len(got) != 1 || got[0] != want {
			t.Errorf("%q: captures in %q, want %s", args, got, want)
		}
	}
}

func TestNoMapIsPromisedOfABoard(t *testing.T) {
	on := captureFlags{SendMap: true}
	if err := on.check(&pipeline.Entry{Model: testmodel.ForBoard(t, aBoard{})}); err == nil || !strings.Contains(err.Error(), "--send-map") || !strings.Contains(err.Error(), "a-board") {
		t.Errorf("%v", err)
	}
	if err := on.check(&pipeline.Entry{Model: testmodel.Steps(t, 2)}); err != nil {
		t.Error(err)
	}
	if err := (captureFlags{}).check(&pipeline.Entry{Model: testmodel.ForBoard(t, aBoard{})}); err != nil {
		t.Errorf("without the flag: %v", err)
	}
}

// aBoard runs the simulator under another name.
type aBoard struct{ spike.Simulator }

func (aBoard) Name() string { return "a-board" }
