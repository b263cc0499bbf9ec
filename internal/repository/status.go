package repository

import (
	"errors"
	"fmt"
	"time"
)

// State is a version's state, in the words of the model repository extension of the Open Inference Protocol.
type State string

// The states of a version.
const (
	Ready       State = "READY"       // loaded: it answers those who name it
	Unavailable State = "UNAVAILABLE" // not loaded: not chosen, or for the Reason
)

// Source says where a version comes from.
type Source string

// The sources of versions.
const (
	Shipped Source = "shipped" // with the program
	File    Source = "file"    // a file that the program was started with
	Folder  Source = "folder"  // the folder of models
)

// Status is what the repository knows of one version of a model.
type Status struct {
	Name    string
	Version string
	State   State
	// Reason is why it is not loaded, or why what was tried last was not done; "" for nothing to tell.
	Reason string
	// Serving tells that it answers those who name the model and no version; Default that it also answers those who name none.
	Serving, Default bool
	// Shadow tells that it answers along, and that its answers reach no one.
	Shadow bool
	// Pinned tells that it serves because it was asked for, not because it is the newest.
	Pinned bool
	Source Source
	// Digest is the loaded file's, "" for none.
	Digest string
	// Checked is how it was checked when it was loaded; "" for what came with the program.
	Checked Check
	// At is when it was loaded, or when the last try failed; zero for neither.
	At time.Time
}

// Kind is a kind of failure, a word for metrics.
type Kind string

// The kinds of failure.
const (
	KindRead        Kind = "read"        // the file could not be read, or changed meanwhile
	KindFile        Kind = "file"        // not a good model file, or not the model and version that its folder names
	KindCheck       Kind = "check"       // it answered its canary wrongly
	KindCalibration Kind = "calibration" // the place's calibration does not belong to it
	KindFlags       Kind = "flags"       // what the server was started with does not apply to it
	KindMemory      Kind = "memory"      // there is no room for it
)

// Kinds are all kinds of failure.
var Kinds = []Kind{KindRead, KindFile, KindCheck, KindCalibration, KindFlags, KindMemory}

// LoadError says why a version was not loaded.
type LoadError struct {
	Name, Version string // the version is "" where it is of the model's folder
	Kind          Kind
	Err           error
}

func (e *LoadError) Error() string {
	if e.Version == "" {
		return fmt.Sprintf("model %s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("model %s %s: %v", e.Name, e.Version, e.Err)
}

func (e *LoadError) Unwrap() error { return e.Err }

// errUnlisted stands for the system's error, which the log has, and which names the folder.
var errUnlisted = errors.New("the folder of models cannot be listed")

var (
	// ErrNotFound is wrapped by the errors for a model or a version that the repository has not.
	ErrNotFound = errors.New("not in the model repository")
	// ErrConflict is wrapped by the errors for what cannot be done to a model that is in use, or held.
	ErrConflict = errors.New("cannot be done now")
)
