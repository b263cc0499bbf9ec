package watch

import (
	"fmt"
	"io/fs"
	"os"
)

// Open opens a file of a watched folder to read it. What is no regular file, or a link, is refused; errors do not have the
// file's name.
func Open(path string) (*os.File, int64, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, 0, withoutName(err)
	}
	if !before.Mode().IsRegular() {
		return nil, 0, &Refusal{"it is no regular file"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, withoutName(err)
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) { // it was put in its place meanwhile
		err = fmt.Errorf("%w: the file was replaced", fs.ErrNotExist)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, withoutName(err)
	}
	return f, after.Size(), nil
}
