package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/telemetry"
)

// auditFlags say whether and how answers are recorded.
type auditFlags struct {
	Audit             string        `placeholder:"FOLDER" help:"Folder for the audit log: a record of each answer is on disk before the answer is sent. One server may use it. While it cannot be written, pictures are answered with 503. By default there is none."`
	AuditSegmentBytes size          `default:"64M" help:"Size from which the audit log goes on in another file."`
	AuditSegmentAge   time.Duration `default:"24h" help:"Age from which it does."`
	AuditKeep         time.Duration `placeholder:"TIME" help:"How long a file of the audit log is kept after its last record, such as 8760h. By default for ever."`
}

// validate refuses what does not go together. given are the flags that are, each by what sets it.
func (f *auditFlags) validate(given map[string]string, others map[string]string) error {
	for _, name := range []string{"audit-segment-bytes", "audit-segment-age", "audit-keep"} {
		if given[name] != "" && f.Audit == "" {
			return fmt.Errorf("%s needs --audit", given[name])
		}
	}
	if f.AuditSegmentAge < time.Minute || f.AuditKeep < 0 || given["audit-keep"] != "" && f.AuditKeep < time.Hour {
		return errors.New("--audit-segment-age must be at least 1m, and --audit-keep at least 1h")
	}
	for flag, folder := range others {
		if f.Audit != "" && folder != "" && (within(f.Audit, folder) || within(folder, f.Audit)) {
			return fmt.Errorf("--audit and --%s must be two folders, neither in the other", flag)
		}
	}
	return nil
}

func (f *auditFlags) options() journal.Options {
	return journal.Options{SegmentBytes: int64(f.AuditSegmentBytes), SegmentAge: f.AuditSegmentAge, Keep: f.AuditKeep}
}

// open opens the audit log, nil for none, which the caller must close.
func (f *auditFlags) open(m *telemetry.Metrics, log *slog.Logger, version string) (*journal.Journal, error) {
	if f.Audit == "" {
		return nil, nil
	}
	o := f.options()
	var j *journal.Journal
	metrics := m.Audit(func() telemetry.AuditState {
		s := j.State() // nobody asks before it is open
		return telemetry.AuditState{Segments: s.Segments, Bytes: s.Bytes, Oldest: s.Oldest, Newest: s.Newest, Failing: s.Failing, Free: s.Free}
	}, words(journal.Kinds))
	o.Program, o.Log = version, log
	o.Watch = journal.Watch{
		Written: func(kinds []journal.Kind, took time.Duration) { metrics.Written(words(kinds), took) },
		Failed:  metrics.Failed,
	}
	j, err := journal.Open(f.Audit, o)
	if err != nil {
		return nil, fmt.Errorf("--audit %s: %w", f.Audit, err)
	}
	return j, nil
}
