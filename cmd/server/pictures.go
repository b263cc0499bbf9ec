package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// path is a file name from the command line. With a plain string, kong would replace the bytes that are not UTF-8.
type path string

// Decode is called by kong.
func (p *path) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("file")
	if err != nil {
		return err
	}
	text, ok := token.Value.(string)
	if !ok {
		return fmt.Errorf("%v is not a file name", token.Value)
	}
	*p = path(text)
	return nil
}

// source is a picture to be read, or why it cannot be.
type source struct {
	path string
	err  error
}

// strays are files, in lower case, that desktops leave in folders of pictures.
var strays = []string{"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "__macosx"}

func stray(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains(strays, strings.ToLower(name))
}

// isDirectory tells the file that lists the films of a disc (PS3.10, 8.6); some discs give names a version.
func isDirectory(name string) bool {
	name, _, _ = strings.Cut(strings.ToUpper(name), ";")
	return name == "DICOMDIR"
}

// walk lists the files under a folder in lexical order of their paths, and counts the strays, hidden files and DICOMDIRs that it skips.
// It follows a link to a file, but not to a folder. What is not a regular file could be read for ever and gets an error, as
// does a folder that cannot be listed.
func walk(root string) (found []source, skipped int, err error) {
	skipped, err = visit(root, func(path string, err error) error {
		if err == nil {
			err = regular(path)
		}
		found = append(found, source{path, err})
		return nil
	})
	return found, skipped, err
}

// visit hands on what walk lists, each path by itself: what is not a folder, and a folder that cannot be listed, with the reason.
// It does not look at the files. An error of see ends it.
func visit(root string, see func(path string, err error) error) (skipped int, err error) {
	// With a separator at its end, a root that is a link to a folder is the folder.
	top := root + string(filepath.Separator)
	err = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		name := ""
		if entry != nil {
			name = entry.Name()
		}
		switch {
		case path == top:
			return err
		case stray(name), !entry.IsDir() && isDirectory(name):
			skipped++
			if entry.IsDir() {
				return fs.SkipDir
			}
		case err != nil:
			if err := see(path, err); err != nil {
				return err
			}
			return fs.SkipDir
		case !entry.IsDir():
			return see(path, nil)
		}
		return nil
	})
	return skipped, err
}

// regular returns an error if the path is not that of a regular file.
func regular(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("a link to a folder, which is not followed")
	case !info.Mode().IsRegular():
		return fmt.Errorf("not a file but a %s", kindOf(info.Mode()))
	}
	return nil
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// sources lists what predict was given: files as they are, and the files under each folder.
func sources(args []path) (found []source, skipped int, err error) {
	for _, arg := range args {
		arg := string(arg)
		if info, err := os.Stat(arg); arg == "-" || err != nil || !info.IsDir() {
			found = append(found, source{path: arg}) // what is wrong with it is told when it is read
			continue
		}
		under, strays, err := walk(arg)
		if err != nil {
			return nil, 0, err
		}
		if len(under) == 0 {
			return nil, 0, fmt.Errorf("no pictures in the folder %s (%d files skipped)", arg, strays)
		}
		found, skipped = append(found, under...), skipped+strays
	}
	return found, skipped, nil
}

// tellSkipped says how many files of folders were left out.
func tellSkipped(std *streams, skipped int) {
	if skipped > 0 {
		fmt.Fprintf(std.err, "spikeray: %d hidden files, desktops' own (Thumbs.db and the like) and DICOMDIRs were skipped\n", skipped)
	}
}
