package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spikeray/spikeray/internal/journal"
)

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Check every record of an audit log, their order and their chain. Status 0: good; 1: damaged or changed; 3: only the end is unfinished, or a receipt is older than what is kept."`
	Show   auditShowCommand   `cmd:"" help:"Print records of an audit log."`
	Head   auditHeadCommand   `cmd:"" help:"Print the receipt of the last record, to be kept elsewhere: nothing up to there can be changed unseen afterwards."`
}

// Exit statuses beside 0, 1 and 2.
var errIncomplete = &statusError{status: 3}

// auditFolder names an audit log.
type auditFolder struct {
	Folder path `arg:"" help:"The server's folder for the audit log, as serve was given it, or a copy. A server may run on it."`
}

// receipts are what is handed out in X-Audit-Record, one or a list.
type receipts []journal.Receipt

// UnmarshalText reads a list as the header has it.
func (r *receipts) UnmarshalText(text []byte) error {
	for one := range strings.SplitSeq(string(text), ",") {
		receipt, err := journal.ParseReceipt(strings.TrimSpace(one))
		if err != nil {
			return err
		}
		*r = append(*r, receipt)
	}
	return nil
}

type auditVerifyCommand struct {
	auditFolder
	Head    receipts `sep:"none" placeholder:"RECEIPT" help:"Receipt of what was the last record once, as audit head printed it. It must still be there: then nothing up to it was changed or taken away."`
	Receipt receipts `sep:"none" placeholder:"RECEIPT" help:"Receipts that an answer had in X-Audit-Record. Their records must be there; they are printed."`
	JSON    bool     `help:"Print JSON."`
}

// Run verifies a journal.
func (c auditVerifyCommand) Run(ctx context.Context, std *streams) error {
	wanted := map[journal.Receipt]bool{} // whether it was seen
	for _, r := range slices.Concat(c.Head, c.Receipt) {
		wanted[r] = false
	}
	var shown []json.RawMessage
	var removed uint64
	v, err := journal.Verify(ctx, string(c.Folder), func(s journal.Seen) error {
		r := s.Receipt()
		if _, is := wanted[r]; is {
			wanted[r] = true
			if slices.Contains(c.Receipt, r) {
				shown = append(shown, json.RawMessage(slices.Clone(s.Line)))
			}
		}
		if s.Kind == journal.KindRetire && s.Event.Hash != nil {
			removed = max(removed, s.Event.Through)
			if r := (journal.Receipt{Seq: s.Event.Through, Hash: *s.Event.Hash}); slices.Contains(c.Head, r) {
				wanted[r] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if v.Records == 0 && v.Faulty == 0 && v.Unfinished == 0 {
		return fmt.Errorf("%s has no records: is it the folder of --audit?", c.Folder)
	}
	missing, gone := []string{}, []string{}
	for _, r := range slices.Concat(c.Head, c.Receipt) {
		switch {
		case wanted[r]:
		case r.Seq < v.First && r.Seq <= removed:
			gone = append(gone, r.String())
		default:
			missing = append(missing, r.String())
		}
	}
	if c.JSON {
		e := json.NewEncoder(std.out)
		e.SetIndent("", "  ")
		err = e.Encode(struct {
			Whole bool `json:"whole"`
			journal.Verification
			Missing []string          `json:"missing"`           // receipts whose record is not there
			Removed []string          `json:"removed"`           // receipts that are older than what is kept
			Records []json.RawMessage `json:"records,omitempty"` // of the receipts
		}{v.Whole(), v, missing, gone, shown})
	} else {
		err = c.print(std, v, missing, gone, shown)
	}
	switch {
	case err != nil:
		return err
	case v.Faulty > 0 || len(missing) > 0:
		return errSilent
	case v.Unfinished > 0 || len(gone) > 0:
		return errIncomplete
	}
	return nil
}

func (c auditVerifyCommand) print(std *streams, v journal.Verification, missing, gone []string, shown []json.RawMessage) error {
	for _, f := range v.Faults {
		fmt.Fprintf(std.err, "%s, byte %d: %s\n", f.File, f.Offset, f.Text)
	}
	if n := v.Faulty - len(v.Faults); n > 0 {
		fmt.Fprintf(std.err, "and %d more\n", n)
	}
	for _, r := range missing {
		fmt.Fprintf(std.err, "no record has the receipt %s: what it stands for was changed or taken away, or it is of another log\n", r)
	}
	for _, r := range gone {
		fmt.Fprintf(std.err, "the record of the receipt %s was removed for its age\n", r)
	}
	if v.Unfinished > 0 {
		fmt.Fprintf(std.err, "%d bytes of an unfinished record follow the last: a process ended in the midst of a write; the next start cuts them off\n", v.Unfinished)
	}
	for _, line := range shown {
		fmt.Fprintf(std.out, "%s\n", line)
	}
	verdict := "good"
	switch {
	case v.Faulty > 0:
		verdict = fmt.Sprintf("DAMAGED in %d places", v.Faulty)
	case len(missing) > 0:
		verdict = "NOT the log of these receipts"
	}
	fmt.Fprintf(std.out, "%s: records %d to %d in %d files, %s to %s\n", verdict, v.First, v.Last, v.Segments,
		v.From.Format(time.RFC3339), v.To.Format(time.RFC3339))
	fmt.Fprintf(std.out, "%d answers, %d problems; %d starts, %d of them after a crash, %d cut off an unfinished record; the clock went back %d times\n",
		v.Kinds[journal.KindAnswer], v.Kinds[journal.KindProblem], v.Kinds[journal.KindStart], v.Crashes, v.Cuts, v.Backwards)
	_, err := fmt.Fprintf(std.out, "head %s\n", v.Head)
	return err
}

type auditHeadCommand struct{ auditFolder }

// Run prints the last receipt.
func (c auditHeadCommand) Run(std *streams) error {
	r, err := journal.Head(string(c.Folder))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, r)
	return err
}

// recordFilter chooses records.
type recordFilter struct {
	From    uint64   `placeholder:"N" help:"Number of the first record."`
	To      uint64   `placeholder:"N" help:"Number of the last record."`
	Receipt receipts `sep:"none" placeholder:"RECEIPT" help:"Only the records of these receipts."`
	Request string   `placeholder:"ID" help:"Only the records of the request with this id."`
	Picture string   `placeholder:"FILE|SHA256" help:"Only the records of this picture."`

	digest journal.Hash
}

// prepare reads the picture.
func (f *recordFilter) prepare() error {
	if f.Picture == "" || f.digest.UnmarshalText([]byte(f.Picture)) == nil {
		return nil
	}
	sums, err := digestFile(f.Picture)
	f.digest = sums.file
	return err
}

func (f *recordFilter) takes(s journal.Seen) bool {
	return s.Seq >= f.From && (f.To == 0 || s.Seq <= f.To) &&
		(len(f.Receipt) == 0 || slices.Contains(f.Receipt, s.Receipt())) &&
		(f.Request == "" || s.Asked != nil && (s.Asked.ID == f.Request || strings.HasPrefix(s.Asked.ID, f.Request+"."))) &&
		(f.Picture == "" || s.Asked != nil && s.Asked.Input != nil && s.Asked.Input.SHA256 == f.digest)
}

type auditShowCommand struct {
	recordFilter
	auditFolder
	JSON bool `help:"Print the records as they are, one a line: each can be checked and replayed alone."`
}

// Run prints records. What is wrong with the journal is told at the end.
func (c auditShowCommand) Run(ctx context.Context, std *streams) error {
	if err := c.prepare(); err != nil {
		return err
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	v, err := journal.Verify(ctx, string(c.Folder), func(s journal.Seen) error {
		if !c.takes(s) {
			return nil
		}
		if c.JSON {
			_, err := std.out.Write(append(slices.Clone(s.Line), '\n'))
			return err
		}
		_, err := fmt.Fprintln(table, columnsOf(s))
		return err
	})
	if err != nil {
		return err
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if v.Faulty > 0 {
		return fmt.Errorf("the audit log is damaged in %d places; see spikeray audit verify", v.Faulty)
	}
	return nil
}

// columnsOf is a record for people, with tabs.
func columnsOf(s journal.Seen) string {
	cells := []string{fmt.Sprint(s.Seq), s.Time.Format("2006-01-02T15:04:05.000Z07:00"), string(s.Kind)}
	switch {
	case s.Asked != nil:
		sum := "-"
		if s.Asked.Input != nil {
			sum = hex.EncodeToString(s.Asked.Input.SHA256[:6])
		}
		cells = append(cells, s.Asked.ID, s.Asked.Via, sum, s.Asked.Model.Name+" "+s.Asked.Model.Version)
		if a := s.Answer; a != nil {
			label, probability := a.Label, a.Probability
			if probability == nil {
				label, probability = "raw", a.RawProbability
			}
			cells = append(cells, label, digits(probability))
		} else {
			cells = append(cells, s.Problem.Name, fmt.Sprint(s.Problem.Status))
		}
	case s.Kind == journal.KindStart && s.Event.Cut != nil:
		cells = append(cells, s.Event.Program, fmt.Sprintf("cut %d bytes", s.Event.Cut.Bytes))
	case s.Kind == journal.KindStart:
		cells = append(cells, s.Event.Program)
	case s.Kind == journal.KindResume:
		cells = append(cells, fmt.Sprintf("%d pictures refused", s.Event.Refused))
	case s.Kind == journal.KindRetire:
		cells = append(cells, fmt.Sprintf("removed up to %d", s.Event.Through))
	case s.Kind == journal.KindClock:
		cells = append(cells, fmt.Sprintf("%+g s", s.Event.Seconds))
	}
	for i := range cells {
		cells[i] = oneLine(cells[i])
	}
	return strings.Join(cells, "\t")
}

// readRecords reads a journal's folder, or a file with records as audit show --json prints them, and hands each to see. A journal
// that is damaged is an error.
func readRecords(ctx context.Context, from string, see func(journal.Seen) error) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		v, err := journal.Verify(ctx, from, see)
		switch {
		case err != nil:
			return err
		case v.Faulty > 0:
			return fmt.Errorf("%s is damaged in %d places; see spikeray audit verify", from, v.Faulty)
		case v.Segments == 0:
			return fmt.Errorf("%s has no records: is it the folder of --audit?", from)
		}
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := journal.Read(f, see); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", from, err)
	}
	return nil
}
