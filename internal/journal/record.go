package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
)

// version is that of the records' form. A member that is added later must be left out where it is empty, so that older records
// are still written the same.
const version = 1

// Kind says what a record tells of.
type Kind string

// The kinds of records.
const (
	KindAnswer  Kind = "answer"  // a picture that was answered
	KindProblem Kind = "problem" // a picture that was not, and why
	KindStart   Kind = "start"   // a process began to write
	KindStop    Kind = "stop"    // it ended in order
	KindResume  Kind = "resume"  // the disk takes records again
	KindRetire  Kind = "retire"  // old segments are removed
	KindClock   Kind = "clock"   // the clock was set by more than a minute
)

// Kinds are all of them.
var Kinds = []Kind{KindAnswer, KindProblem, KindStart, KindStop, KindResume, KindRetire, KindClock}

// Record is one entry of a journal. It has no pixels, no names and no UIDs.
type Record struct {
	Version int    `json:"v"`
	Seq     uint64 `json:"seq"` // from 1, without a gap
	Prev    Hash   `json:"prev"`
	// Time is when it was written, by the machine's clock, in UTC.
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	Asked   *Asked    `json:"asked,omitempty"`   // of an answer and of a problem
	Answer  *Answer   `json:"answer,omitempty"`  // of an answer
	Problem *Problem  `json:"problem,omitempty"` // of a problem
	Event   *Event    `json:"event,omitempty"`   // of all others
}

// Asked is what decides an answer, and who asked.
type Asked struct {
	// ID is the request's id and the picture's number in it. A client may have chosen the former.
	ID string `json:"id"`
	// Via is the route or the way by which the picture came. Caller is who sent it: the name that its key or token has in logs,
	// otherwise the network that it came from, "" where that is not known.
	Via    string `json:"via"`
	Caller string `json:"caller,omitempty"`
	// Input is nil for a picture that was too long to be kept.
	Input *Input                  `json:"input,omitempty"`
	Model pipeline.ModelReference `json:"model"`
	// Calibration is the digest of the place's calibration that was in force, "" for the model's own.
	Calibration string `json:"calibration,omitempty"`
	Options     Terms  `json:"options"`
	// Kernel is the tier of the arithmetic on the host.
	Kernel string `json:"kernel"`
}

// Input is a picture's bytes as they came. Of a picture that came prepared they are its greys, one byte for each, row by row: what the
// model was shown, and no file.
type Input struct {
	Bytes  int64 `json:"bytes"`
	SHA256 Hash  `json:"sha256"`
	// Dataset is the digest of a DICOM film without its file meta information, which systems that store films write anew.
	Dataset  *Hash `json:"dataset,omitempty"`
	Prepared bool  `json:"prepared,omitempty"`
}

// Terms are the options of [pipeline.Options] that decide an answer, and the limits that a picture was held to.
type Terms struct {
	Threshold             *float64          `json:"threshold,omitempty"`
	OperatingPoint        string            `json:"operating_point,omitempty"`
	DefaultThreshold      *float64          `json:"default_threshold,omitempty"`
	DefaultOperatingPoint string            `json:"default_operating_point,omitempty"`
	Prevalence            *float64          `json:"prevalence,omitempty"`
	Steps                 int               `json:"steps,omitempty"` // 0 for all
	Bits                  int               `json:"bits,omitempty"`
	Gate                  pipeline.GateMode `json:"gate"`
	// FilmsOnly says that nothing but DICOM was taken.
	FilmsOnly bool  `json:"films_only,omitempty"`
	TIFF      bool  `json:"tiff,omitempty"`
	WebP      bool  `json:"webp,omitempty"`
	MaxPixels int   `json:"max_pixels,omitempty"`
	MaxMemory int64 `json:"max_memory,omitempty"`
}

// Problem is why a picture has no answer.
type Problem struct {
	Name   string `json:"name"` // the last part of the problem's URN
	Status int    `json:"status"`
	// Gate is that of a picture that the gate refused.
	Gate *Gate `json:"gate,omitempty"`
}

// Event is what a process tells of itself and of the journal.
type Event struct {
	// Program is the version, and Cut the unfinished end of the last record of the process before, which was taken away: of a start.
	Program string `json:"program,omitempty"`
	Cut     *Cut   `json:"cut,omitempty"`
	// Since is when the disk stopped to take records, and Refused how many pictures got no answer for it: of a resume.
	Since   *time.Time `json:"since,omitempty"`
	Refused uint64     `json:"refused,omitempty"`
	// Through and Hash are the last record that is removed, and Segments how many files: of a retire.
	Through  uint64 `json:"through,omitempty"`
	Hash     *Hash  `json:"hash,omitempty"`
	Segments int    `json:"segments,omitempty"`
	// Seconds are those by which the clock was set, below 0 for back: of a clock.
	Seconds float64 `json:"seconds,omitempty"`
}

// Cut is what was taken away at the end of a journal.
type Cut struct {
	Bytes  int64 `json:"bytes"`
	SHA256 Hash  `json:"sha256"`
}

// MaxRecord is the longest line, its end included.
const MaxRecord = 1 << 20

var (
	errTooLong = fmt.Errorf("longer than the %d bytes that a record may have", MaxRecord)
	errDamaged = errors.New("it is damaged")
)

// A line is an object and, as its last member, the SHA-256 of the object without it.
const (
	hashOpens  = `,"hash":"`
	hashCloses = `"}`
	hashLength = len(hashOpens) + 2*sha256.Size + len(hashCloses)
)

// appendLine adds the record's line to a buffer, and tells its hash.
func (r *Record) appendLine(to []byte) ([]byte, Hash, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return to, Hash{}, err
	}
	if len(body)+hashLength > MaxRecord {
		return to, Hash{}, errTooLong
	}
	sum := Hash(sha256.Sum256(body))
	to = append(to, body[:len(body)-1]...)
	to = append(to, hashOpens...)
	to = append(to, sum.String()...)
	to = append(to, hashCloses...)
	return append(to, '\n'), sum, nil
}

// Parse reads a record's line, without its end, and tells its hash. A line that is not letter for letter what the record is
// written as, or whose hash is not its own, is an error.
func Parse(line []byte) (Record, Hash, error) {
	if len(line) >= MaxRecord {
		return Record{}, Hash{}, errTooLong
	}
	cut := len(line) - hashLength
	if cut < 1 || !bytes.HasPrefix(line[cut:], []byte(hashOpens)) || !bytes.HasSuffix(line, []byte(hashCloses)) {
		return Record{}, Hash{}, fmt.Errorf("%w: it does not end with its hash", errDamaged)
	}
	var said Hash
	if err := said.UnmarshalText(line[cut+len(hashOpens) : len(line)-len(hashCloses)]); err != nil {
		return Record{}, Hash{}, fmt.Errorf("%w: its hash: %w", errDamaged, err)
	}
	body := append(bytes.Clone(line[:cut]), '}')
	if Hash(sha256.Sum256(body)) != said {
		return Record{}, Hash{}, fmt.Errorf("%w: its hash is another than it says", errDamaged)
	}
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return Record{}, Hash{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if again, err := json.Marshal(&r); err != nil || !bytes.Equal(again, body) {
		return Record{}, Hash{}, errors.New("it is not in the form that records are written in; a later version may have written it")
	}
	if err := r.check(); err != nil {
		return Record{}, Hash{}, err
	}
	return r, said, nil
}

// check refuses a record that has not what its kind has.
func (r *Record) check() error {
	picture := r.Kind == KindAnswer || r.Kind == KindProblem
	switch {
	case r.Version != version:
		return fmt.Errorf("its form is version %d, and only %d is known", r.Version, version)
	case r.Seq == 0:
		return errors.New("its number is 0")
	case picture != (r.Asked != nil), (r.Kind == KindAnswer) != (r.Answer != nil), (r.Kind == KindProblem) != (r.Problem != nil),
		picture == (r.Event != nil):
		return fmt.Errorf("a record of kind %.20q does not have what such a record has", r.Kind)
	}
	return nil
}
