package repository

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The files of a folder of models: DIR/NAME/VERSION/… and DIR/NAME/current.
const (
	modelFile       = "model.safetensors"
	cardFile        = "card.md"
	canaryFile      = "canary.json"
	calibrationFile = "calibration.json"
)

// CurrentFile is the name of the file in a model's folder that has the version to serve; see docs/MODELS.md.
const CurrentFile = "current"

// What a folder may have. More is an error, since it is not meant.
const (
	maxNames    = 64
	maxVersions = 64
	maxEntries  = 1024 // of a folder, whatever they are
	maxCurrent  = 256  // bytes of the file current
	maxCard     = 256 << 10
)

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`) // as in docs/MODEL_FILE.md

// mark tells one state of a file from another without reading it.
type mark struct {
	size  int64
	time  int64 // of its last change, nanoseconds
	inode uint64
}

// stamp marks the files of a version. A file that is not there is marked by zeros.
type stamp [4]mark

// listing is what a model's folder has.
type listing struct {
	current  string           // the version that the file current names, "" without one
	wrong    error            // why the file current or the folder cannot be read
	versions map[string]stamp // by version
}

// scan lists a folder of models. It follows symbolic links, as folders that Kubernetes mounts are made of them. What it passes over
// is told in words.
func scan(dir string) (models map[string]listing, passed []string, err error) {
	names, err := entries(dir)
	if err != nil {
		return nil, nil, err
	}
	models = map[string]listing{}
	for _, name := range names {
		switch path := filepath.Join(dir, name); {
		case strings.HasPrefix(name, "."), name == "lost+found", !isDir(path):
		case !namePattern.MatchString(name):
			passed = append(passed, fmt.Sprintf("folder %.80q is not a model's: its name does not match %s", name, namePattern))
		case len(models) == maxNames:
			return nil, nil, fmt.Errorf("%s has more than %d models", dir, maxNames)
		default:
			var more []string
			models[name], more = list(path, name)
			passed = append(passed, more...)
		}
	}
	return models, passed, nil
}

// list lists a model's folder.
func list(dir, name string) (l listing, passed []string) {
	l.versions = map[string]stamp{}
	if l.current, l.wrong = readCurrent(dir); l.wrong != nil {
		return l, nil
	}
	names, err := entries(dir)
	if err != nil {
		l.wrong = err
		return l, nil
	}
	for _, version := range names {
		switch path := filepath.Join(dir, version); {
		case strings.HasPrefix(version, "."), version == CurrentFile, !isDir(path):
		case !isVersion(version):
			passed = append(passed, fmt.Sprintf("folder %.80q of model %s is not a version's: expected a semantic version such as 2.0.1", version, name))
		case len(l.versions) == maxVersions:
			l.wrong = fmt.Errorf("there are more than %d versions", maxVersions)
			return l, passed
		default:
			if s := stampOf(path); s[0] != (mark{}) {
				l.versions[version] = s
			}
		}
	}
	return l, passed
}

// readCurrent reads the version that a model's folder is pinned to, "" where there is no such file.
func readCurrent(dir string) (string, error) {
	text, err := readFile(filepath.Join(dir, CurrentFile), maxCurrent)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	version := strings.TrimSpace(string(text))
	if !isVersion(version) {
		return "", fmt.Errorf("the file %s has %.80q, expected one version such as 2.0.1", CurrentFile, version)
	}
	return version, nil
}

// entries are the names in a folder, sorted.
func entries(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxEntries + 1)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(names) > maxEntries {
		return nil, fmt.Errorf("%s has more than %d entries", dir, maxEntries)
	}
	slices.Sort(names)
	return names, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// stampOf marks the files of the version in a folder.
func stampOf(dir string) (s stamp) {
	for i, name := range []string{modelFile, cardFile, canaryFile, calibrationFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			s[i] = mark{info.Size(), info.ModTime().UnixNano(), inode(info)}
		}
	}
	return s
}

// readFile reads a regular file of at most so many bytes. The errors name the file without its folders: they are told to clients.
func readFile(path string, most int64) ([]byte, error) {
	data, err := read(path, most)
	var where *fs.PathError
	if errors.As(err, &where) {
		err = where.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return data, nil
}

func read(path string, most int64) ([]byte, error) {
	// Without O_NONBLOCK, opening a pipe would wait for its other end.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > most:
		return nil, fmt.Errorf("%d bytes, must be at most %d", info.Size(), most)
	}
	data := make([]byte, info.Size()+1) // one more shows that it has grown
	switch n, err := io.ReadFull(f, data); {
	case err != io.ErrUnexpectedEOF && err != io.EOF && err != nil:
		return nil, err
	case int64(n) != info.Size():
		return nil, errChanged
	default:
		return data[:n], nil
	}
}

// settling tells which versions' files have been the same for a while.
type settling map[string]settled

type settled struct {
	stamp stamp
	since time.Time
}

// passed notes a version's stamp, and tells whether it has been that for so long.
func (s settling) passed(key string, now stamp, at time.Time, least time.Duration) bool {
	seen, ok := s[key]
	if !ok || seen.stamp != now {
		seen = settled{now, at}
		s[key] = seen
	}
	return at.Sub(seen.since) >= least
}
