package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spikeray/spikeray/internal/durable"
)

// begin makes the list. Until the last file is there nothing has begun.
func (j *Job) begin() error {
	f, err := os.Create(j.path(listFile))
	if err != nil {
		return err
	}
	list, index := newListWriter(f), 0
	var failed error
	err = j.o.Inputs.List(func(written, path string) bool {
		if j.o.Shard.Holds(written) {
			failed = list.add(index, path)
		}
		index++
		return failed == nil && (j.o.Limit == 0 || list.Pictures < j.o.Limit)
	})
	err = errors.Join(err, failed)
	if err == nil && index == 0 {
		err = errors.New("there are no pictures in the input")
	}
	var listed listed
	if err == nil {
		listed, err = list.end()
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(j.path(listFile))
		return err
	}
	j.job = job{Format: format, Begun: time.Now().UTC().Truncate(time.Second), Settings: j.o.Settings, listed: listed}
	if j.job.Inputs, err = j.inputs(); err != nil {
		return err
	}
	if err := j.save(stateFile, state{}); err != nil {
		return err
	}
	return errors.Join(j.save(jobFile, j.job), durable.SyncDir(filepath.Dir(j.dir)))
}

// inputs are the settings that tell the list from others.
func (j *Job) inputs() ([]Setting, error) {
	inputs, err := j.o.Inputs.Settings()
	return append(inputs, Setting{"shard", j.o.Shard.String()}, Setting{"limit", fmt.Sprint(j.o.Limit)}), err
}

// goOn reads what there is of a batch.
func (j *Job) goOn() error {
	for name, to := range map[string]any{jobFile: &j.job, stateFile: &j.state} {
		text, err := os.ReadFile(j.path(name))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, to); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, j.path(name), err)
		}
	}
	if s := j.state; j.job.Format != format || s.Rows < 0 || s.Rows > j.job.Pictures || s.Bytes < 0 {
		return fmt.Errorf("%w: %s is of format %d, with %d rows of %d pictures", ErrDamaged, j.dir, j.job.Format, s.Rows, j.job.Pictures)
	}
	if err := same(j.job.Settings, j.o.Settings); err != nil {
		return fmt.Errorf("%s: %w", j.o.Out, err)
	}
	if j.o.Inputs != nil {
		inputs, err := j.inputs()
		if err == nil {
			err = same(j.job.Inputs, inputs)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", j.o.Out, err)
		}
	}
	if j.state.Complete {
		return nil
	}
	if err := j.job.verify(j.path(listFile)); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// same returns an error that names what differs first.
func same(begun, asked []Setting) error {
	for i := range max(len(begun), len(asked)) {
		var b, a Setting
		if i < len(begun) {
			b = begun[i]
		}
		if i < len(asked) {
			a = asked[i]
		}
		if b != a {
			return fmt.Errorf("%w: with %s, and not with %s; ask for the same, or choose another output", ErrOther, b, a)
		}
	}
	return nil
}

func (s Setting) String() string {
	if s.Name == "" {
		return "nothing more"
	}
	return fmt.Sprintf("%s %q", s.Name, s.Value)
}

// save replaces a file of the folder.
func (j *Job) save(name string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	err = replace(j.path(name), func(f *os.File) error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
	return errors.Join(err, durable.SyncDir(j.dir))
}

// replace writes a file so that its name has either the old content or the new one, whole.
func replace(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".part"))
	}
	return os.Rename(path+".part", path)
}
