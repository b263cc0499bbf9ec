package memory

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// Least is the smallest memory with which a server can run.
const Least = 128 << 20

// ErrTooLittle reports a limit below Least.
var ErrTooLittle = errors.New("too little memory")

// Task is what a picture takes beside its pixels: the network's workspace, and what the picture
// is prepared in.
const Task = 2 << 20

// goLimit is the variable by which Go's runtime has its limit.
const goLimit = "GOMEMLIMIT"

// Plan shares a limit out. Uploads and Pictures bound what callers can make the process hold.
type Plan struct {
	Limit
	// Go is the soft limit of Go's runtime. What is left over is for the program itself, whose
	// pages count as well, for what the system buffers, and for the collector to be late.
	Go int64
	// Uploads is for bodies being received, and kept until they are answered.
	Uploads int64
	// Objects is for objects that arrive over DICOM associations, 0 where there are none.
	Objects int64
	// Models is for the models of a folder, 0 where there is none.
	Models int64
	// Shadow is for what waits to be answered by a shadow model, 0 where there is none.
	Shadow int64
	// Pictures is for decoded pixels, the state of their decoders and the networks' workspaces.
	Pictures int64
	// Secured is for connections over TLS, 0 where there are none.
	Secured int64
}

const (
	// resting is what the heap and the stacks hold without any request.
	resting = 24 << 20
	// securedConnection is what a connection over TLS takes beside what any takes: its keys, and a record each way. 45 KB were
	// measured, after a picture of 200 KB.
	securedConnection = 48 << 10
	// MaxUploads is the most that a plan has for uploads: enough for any number of ordinary ones.
	MaxUploads = 256 << 20
	// MaxPictures likewise.
	MaxPictures = 4 << 30
	// MaxModels is the most that a plan has for models.
	MaxModels = 512 << 20
)

// Share makes a plan of a limit. A process is killed for one byte too many while Go's limit is a
// soft one, so that is set well below; and what can be live at a time is less again, or the
// collector would run all the time. Where GOMEMLIMIT is lower, the plan fits that.
func Share(limit Limit) (Plan, error) {
	if limit.Bytes < Least {
		return Plan{}, fmt.Errorf("%w: %d MiB (%s), must be at least %d MiB", ErrTooLittle, limit.Bytes>>20, limit.Source, Least>>20)
	}
	p := Plan{Limit: limit, Go: limit.Bytes / 100 * 65}
	if os.Getenv(goLimit) != "" {
		p.Go = min(p.Go, debug.SetMemoryLimit(-1))
	}
	p.share()
	return p, nil
}

// share divides what Go's limit leaves.
func (p *Plan) share() {
	live := max(p.Go/100*85-resting-p.Secured, 16<<20)
	p.Uploads = min(live/100*35, MaxUploads)
	p.Pictures = min(live-p.Uploads, MaxPictures)
}

// Apply sets Go's memory limit, unless GOMEMLIMIT has.
func (p *Plan) Apply() {
	if os.Getenv(goLimit) == "" {
		debug.SetMemoryLimit(p.Go)
	}
}

// Secure sets memory aside for connections over TLS: for as many, or as an eighth of the limit is for. It tells how many.
func (p *Plan) Secure(connections int) int {
	n := min(int64(connections), p.Bytes/8/securedConnection)
	p.Secured = n * securedConnection
	p.share()
	return int(n)
}

// Associate gives half of what uploads have to objects that arrive over DICOM associations.
func (p *Plan) Associate() {
	p.Objects = p.Uploads / 2
	p.Uploads -= p.Objects
}

// Stock gives half of what pictures have to the models of a folder.
func (p *Plan) Stock() {
	p.Models = min(p.Pictures/2, MaxModels)
	p.Pictures -= p.Models
}

// Accompany gives an eighth of what uploads have to a shadow model.
func (p *Plan) Accompany() {
	p.Shadow = p.Uploads / 8
	p.Uploads -= p.Shadow
}
