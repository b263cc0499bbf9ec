package target

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/report"
)

// folderSender writes files into a folder. Who reads it sees whole files only, and no names of patients.
type folderSender struct{ dir string }

var endings = map[string]string{
	report.KindSR: ".sr.dcm", report.KindSC: ".sc.dcm", report.KindFHIR: ".fhir.json", report.KindHL7: ".hl7",
}

// Send writes a file whose name is the item's, so that a second time makes the same one.
func (s folderSender) Send(_ context.Context, item outbox.Item) (err error) {
	path := filepath.Join(s.dir, item.Name+endings[item.Kind])
	f, err := os.CreateTemp(s.dir, ".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(item.Data); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
