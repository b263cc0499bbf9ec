// Package batch keeps a long list of pictures and the rows that were made of them, so that a batch which ends in the middle,
// whatever ended it, goes on where it was: each picture of the list has one row in the end.
//
// Beside the output lies a folder, the output's name and [Suffix]. It has the list, which is made once, what the batch was asked
// for, and how much of the output counts. Rows are appended in the order of the list. Every second the output is
// synced, and only then the folder says so. What lies behind that when a batch goes on is cut off and made again.
package batch

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

// Suffix is what the name of a batch's folder has behind that of its output.
const Suffix = ".batch"

// Files of the folder. A batch has begun once jobFile is there.
const (
	jobFile   = "job.json"
	stateFile = "state.json"
	listFile  = "list"
	rowsFile  = "rows" // of an output that is made at the end
	lockFile  = "lock"
)

// pause is the time between two moments at which rows are made safe.
const pause = time.Second

var (
	// ErrOther reports a batch that was begun with other settings or inputs.
	ErrOther = errors.New("the batch was begun otherwise")
	// ErrDamaged reports an output or a folder that is not as the batch left it.
	ErrDamaged = errors.New("the batch's files were changed")
)

// Setting is something that the answers, or the list, depend on. A batch goes on only with the settings that it was begun with.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Inputs are where a list comes from.
type Inputs interface {
	// List hands on every picture in order, until add returns false: the path as it was written, which decides on the shard, and
	// the path at which it is found.
	List(add func(written, path string) bool) error
	// Settings tell the inputs from others, after List or without it.
	Settings() ([]Setting, error)
}

// Options say which batch to open.
type Options struct {
	// Out is the file to write.
	Out string
	// Settings are compared when a batch goes on.
	Settings []Setting
	// Inputs is nil for a batch that is to go on, with its list.
	Inputs Inputs
	Shard  Shard
	Limit  int // pictures of the list at most, after sharding; 0 for all
	// Head is what the rows' file begins with.
	Head []byte
	// Apart keeps the rows in the folder, for [Job.Publish] to make the output of them.
	Apart bool
}

// job is what a batch is, as jobFile has it.
type job struct {
	Format   int       `json:"format"`
	Begun    time.Time `json:"begun"`
	Settings []Setting `json:"settings"`
	Inputs   []Setting `json:"inputs"`
	listed
}

const format = 1

// state is how far a batch is, as stateFile has it.
type state struct {
	Rows     int            `json:"rows"`
	Bytes    int64          `json:"bytes"`  // of the rows' file
	SHA256   string         `json:"sha256"` // of these bytes
	Failed   map[string]int `json:"failed"` // rows without an answer, by kind of problem
	Complete bool           `json:"complete"`
}

// Job is an open batch. Its methods are for one goroutine.
type Job struct {
	o     Options
	dir   string
	lock  *os.File
	job   job
	state state // what was appended, saved or not
	file  *os.File
	rows  *bufio.Writer
	sum   hash.Hash
	saved time.Time
	list  *error
	err   error // of the first write that failed
}

// Open begins a batch, or goes on with the one that Out has. Errors wrap [ErrOther], [ErrDamaged] or [durable.ErrLocked]. The
// job is to be closed.
func Open(o Options) (_ *Job, err error) {
	j := &Job{o: o, dir: o.Out + Suffix}
	begun, err := exists(j.path(jobFile))
	if err != nil {
		return nil, err
	}
	if !begun {
		if o.Inputs == nil {
			return nil, fmt.Errorf("no batch was begun in %s: name the pictures", o.Out)
		}
		if there, err := exists(o.Out); there || err != nil {
			return nil, errors.Join(err, fmt.Errorf("%s already exists and is of no batch: remove it or choose another name", o.Out))
		}
		if err := os.Mkdir(j.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	if j.lock, err = durable.Lock(j.path(lockFile)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = j.Close()
		}
	}()
	if begun, err = exists(j.path(jobFile)); err != nil {
		return nil, err
	}
	if begun {
		err = j.goOn()
	} else {
		err = j.begin()
	}
	if err != nil {
		return nil, err
	}
	return j, j.openRows()
}

func (j *Job) path(name string) string { return filepath.Join(j.dir, name) }

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// openRows opens the rows' file and cuts off what was not saved.
func (j *Job) openRows() error {
	if j.state.Complete {
		there, err := exists(j.o.Out)
		if err == nil && !there {
			err = fmt.Errorf("%w: %s says that the batch is complete, but %s is gone", ErrDamaged, j.dir, j.o.Out)
		}
		return err
	}
	path := j.rowsPath()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	j.file = f
	sum, size, err := digest(path, j.state.Bytes)
	if err != nil {
		return err
	}
	if size != j.state.Bytes || size > 0 && hex.EncodeToString(sum.Sum(nil)) != j.state.SHA256 {
		return fmt.Errorf("%w: the first %d bytes of %s are not those that the batch wrote", ErrDamaged, j.state.Bytes, path)
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return err
	}
	j.sum, j.rows, j.saved = sum, bufio.NewWriterSize(f, 1<<16), time.Now()
	if j.state.Failed == nil {
		j.state.Failed = map[string]int{}
	}
	if size == 0 {
		return j.write(j.o.Head)
	}
	return nil
}

func (j *Job) rowsPath() string {
	if j.o.Apart {
		return j.path(rowsFile)
	}
	return j.o.Out
}

// Pictures is the length of the list.
func (j *Job) Pictures() int { return j.job.Pictures }

// Rows is how many pictures of the list have a row.
func (j *Job) Rows() int { return j.state.Rows }

// Failed counts the rows without an answer, by kind of problem.
func (j *Job) Failed() map[string]int { return maps.Clone(j.state.Failed) }

// Begun is when the list was made.
func (j *Job) Begun() time.Time { return j.job.Begun }

// Complete tells whether the output is whole.
func (j *Job) Complete() bool { return j.state.Complete }

// Rest are the pictures without a row. It may run on another goroutine; [Job.Append] tells what went wrong with it.
func (j *Job) Rest() iter.Seq[Entry] {
	if j.state.Complete {
		return func(func(Entry) bool) {}
	}
	rest, failed := entries(j.path(listFile), j.state.Rows)
	j.list = failed
	return rest
}

// Append adds the row of a picture, which must be the next of the list. problem is the kind of problem of a row without an
// answer, otherwise empty. A row is safe once [Job.Save] or a later Append has made it so.
func (j *Job) Append(e Entry, row []byte, problem string) error {
	if e.at != j.state.Rows {
		return fmt.Errorf("row %d comes where row %d is due", e.at, j.state.Rows)
	}
	if err := j.write(row); err != nil {
		return err
	}
	j.state.Rows++
	if problem != "" {
		j.state.Failed[problem]++
	}
	if time.Since(j.saved) < pause {
		return nil
	}
	return j.Save()
}

func (j *Job) write(b []byte) error {
	if j.err == nil {
		_, j.err = j.rows.Write(b)
	}
	if j.err == nil {
		j.sum.Write(b)
		j.state.Bytes += int64(len(b))
	}
	return j.err
}

// Save makes the rows safe.
func (j *Job) Save() error {
	if j.state.Complete {
		return nil
	}
	if j.err == nil {
		j.err = j.rows.Flush()
	}
	if j.err == nil {
		j.err = j.file.Sync()
	}
	if j.err != nil {
		return j.err // what is safe is as it was
	}
	j.state.SHA256 = hex.EncodeToString(j.sum.Sum(nil))
	j.saved = time.Now()
	return j.save(stateFile, j.state)
}

// Publish ends a batch whose list has a row for each picture. convert, for an output apart, writes it from the rows' file.
func (j *Job) Publish(convert func(rows io.Reader, to io.Writer) error) error {
	if j.list != nil && *j.list != nil {
		return *j.list
	}
	if j.state.Complete {
		return nil
	}
	if j.state.Rows != j.job.Pictures {
		return fmt.Errorf("%d of %d pictures have a row", j.state.Rows, j.job.Pictures)
	}
	if err := j.Save(); err != nil {
		return err
	}
	if j.o.Apart {
		if err := j.convert(convert); err != nil {
			return err
		}
	}
	j.state.Complete = true
	if err := errors.Join(durable.SyncDir(filepath.Dir(j.o.Out)), j.save(stateFile, j.state)); err != nil {
		return err
	}
	if j.o.Apart {
		return os.Remove(j.rowsPath())
	}
	return nil
}

// convert writes the output beside its place, and then moves it there.
func (j *Job) convert(convert func(rows io.Reader, to io.Writer) error) error {
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return replace(j.o.Out, func(f *os.File) error {
		w := bufio.NewWriterSize(f, 1<<16)
		err := convert(bufio.NewReaderSize(j.file, 1<<16), w)
		return errors.Join(err, w.Flush())
	})
}

// Close lets go of the batch. Rows that are not saved are made again when it goes on.
func (j *Job) Close() error {
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	if j.lock != nil {
		err = errors.Join(err, j.lock.Close())
	}
	return err
}
