package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/batch"
)

// batchInputs are the pictures of a batch: those of a manifest, and then those of the arguments.
type batchInputs struct {
	ctx      context.Context // its end ends a listing
	stdin    io.Reader
	manifest string // "" for none, - for standard input
	column   string // of a manifest in CSV
	args     []path
	skipped  int
	sum      string // of the manifest, once it was read
}

// errEnough ends a listing early.
var errEnough = errors.New("enough")

// List is for [batch.Inputs].
func (in *batchInputs) List(add func(written, path string) bool) error {
	one := func(written, path string) error {
		if !add(written, path) {
			return errEnough
		}
		return in.ctx.Err()
	}
	err := in.listManifest(one)
	for _, arg := range in.args {
		if err == nil {
			err = in.listArgument(string(arg), one)
		}
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Settings is for [batch.Inputs].
func (in *batchInputs) Settings() ([]batch.Setting, error) {
	if in.manifest != "" && in.sum == "" {
		if err := in.listManifest(func(string, string) error { return errEnough }); err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	settings := []batch.Setting{{Name: "manifest", Value: in.manifest}, {Name: "SHA-256 of the manifest", Value: in.sum}, {Name: "column", Value: in.column}}
	for _, arg := range in.args {
		settings = append(settings, batch.Setting{Name: "input", Value: string(arg)})
	}
	return settings, nil
}

// listArgument lists a file, a folder, or the files and folders of a pattern.
func (in *batchInputs) listArgument(arg string, add func(written, path string) error) error {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return in.listFolder(arg, add)
	case err == nil:
		return add(arg, arg)
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(arg, "*?["):
		return err
	}
	matches, err := filepath.Glob(arg)
	if err != nil {
		return fmt.Errorf("%s: %w", arg, err)
	}
	if len(matches) == 0 {
		return fmt.Errorf("%s: no file has such a name", arg)
	}
	for _, match := range matches {
		if stray(filepath.Base(match)) || isDirectory(filepath.Base(match)) {
			in.skipped++
			continue
		}
		list := add
		if info, err := os.Stat(match); err == nil && info.IsDir() {
			list = func(_, match string) error { return in.listFolder(match, add) }
		}
		if err := list(match, match); err != nil {
			return err
		}
	}
	return nil
}

// listFolder lists what is under a folder. A folder in it that cannot be listed is an entry, too, whose row says so.
func (in *batchInputs) listFolder(root string, add func(written, path string) error) error {
	skipped, err := visit(root, func(path string, _ error) error { return add(path, path) })
	in.skipped += skipped
	return err
}

// listManifest lists what a manifest names. The rest of it is read even if it is not wanted, for its digest.
func (in *batchInputs) listManifest(add func(written, path string) error) (err error) {
	if in.manifest == "" {
		return nil
	}
	from, folder := in.stdin, ""
	if in.manifest != "-" {
		f, err := os.Open(in.manifest)
		if err != nil {
			return err
		}
		defer f.Close()
		from, folder = f, filepath.Dir(in.manifest)
	}
	sum := sha256.New()
	all := io.TeeReader(from, sum)
	named := func(line int, written string) error {
		at := written
		if !filepath.IsAbs(at) && folder != "" {
			at = filepath.Join(folder, at)
		}
		if strings.HasSuffix(written, "/") {
			if err := in.listFolder(at, add); err != nil {
				return fmt.Errorf("line %d: %w", line, err)
			}
			return nil
		}
		return add(written, at)
	}
	if in.column != "" {
		err = readColumn(all, in.column, named)
	} else {
		err = readPaths(all, named)
	}
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("the manifest %s: %w", in.manifest, err)
	}
	if err := in.finish(all, sum); err != nil {
		return err
	}
	return err
}

func (in *batchInputs) finish(rest io.Reader, sum hash.Hash) error {
	_, err := io.Copy(io.Discard, rest)
	in.sum = hex.EncodeToString(sum.Sum(nil))
	return err
}

// readPaths reads a path a line. In a text with zero bytes, as find -print0 writes, these end the paths instead.
func readPaths(from io.Reader, see func(line int, path string) error) error {
	text := unmarked(from)
	end := byte('\n')
	if head, _ := text.Peek(batch.MaxPath + 2); slices.Contains(head, 0) {
		end = 0
	}
	scanner := bufio.NewScanner(text)
	scanner.Buffer(nil, batch.MaxPath+2)
	scanner.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if i := slices.Index(data, end); i >= 0 {
			return i + 1, data[:i], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	line := 0
	for scanner.Scan() {
		line++
		path := scanner.Text()
		if end == '\n' {
			path = strings.TrimSuffix(path, "\r")
		}
		if path == "" {
			continue
		}
		if err := see(line, path); err != nil {
			return err
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes", line+1, batch.MaxPath)
	}
	return scanner.Err()
}

// maxManifestRow is the most bytes of a row of a manifest in CSV.
const maxManifestRow = 1 << 20

// readColumn reads the paths of a column of a CSV table, whose first row names the columns.
func readColumn(from io.Reader, column string, see func(line int, path string) error) error {
	bounded := &rowBound{r: from, left: maxManifestRow}
	r := newTableReader(bounded)
	r.ReuseRecord = true
	names, err := r.Read()
	if err != nil {
		return fmt.Errorf("no row of column names: %w", err)
	}
	place := -1
	for i, name := range names {
		if strings.TrimSpace(name) != column {
			continue
		}
		if place >= 0 {
			return fmt.Errorf("the column %.40q is there twice", column)
		}
		place = i
	}
	if place < 0 {
		return fmt.Errorf("there is no column %.40q; the first row must name the columns", column)
	}
	for {
		bounded.left = maxManifestRow
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		line, _ := r.FieldPos(place)
		if row[place] == "" {
			return fmt.Errorf("line %d: the column %s is empty", line, column)
		}
		if err := see(line, row[place]); err != nil {
			return err
		}
	}
}

// notFileError is an entry of a list that is no file.
type notFileError struct{ text string }

func (e *notFileError) Error() string { return e.text }

// pictureFile returns an error if an entry of a list is not a file that can be read to its end.
func pictureFile(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.IsDir() {
		f, err := os.Open(path)
		if err == nil {
			_, err = f.Readdirnames(1)
			_ = f.Close()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return &notFileError{"a folder; a manifest's folder has / at its end"}
	}
	if err := regular(path); err != nil {
		if errors.As(err, new(*fs.PathError)) {
			return err
		}
		return &notFileError{err.Error()}
	}
	return nil
}

// rowBound bounds what is read for one row.
type rowBound struct {
	r    io.Reader
	left int
}

func (b *rowBound) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("a row is longer than %d bytes", maxManifestRow)
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
