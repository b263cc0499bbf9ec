package telemetry

import "runtime/debug"

// Version is the program's, and that of the interface that api/openapi.yaml describes. It is the one place to change: tests
// hold the document and the image's label to it. Model files have versions of their own.
const Version = "2.1.0"

// Build says which build of the program runs.
type Build struct {
	// Version is [Version], unless the linker was given another.
	Version string
	// Revision is the commit, with "+dirty" when the tree had changes; empty when
	// the build did not know.
	Revision string
	// GoVersion is the toolchain's, as "go1.26.0".
	GoVersion string
}

// ReadBuild tells the running program's build. A version or a revision that is not empty, the linker's, stands in for
// [Version] and for what the toolchain put into the program.
func ReadBuild(version, revision string) Build {
	b := Build{Version: version, Revision: revision}
	if b.Version == "" {
		b.Version = Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.GoVersion = info.GoVersion
	if b.Revision != "" {
		return b
	}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if dirty && b.Revision != "" {
		b.Revision += "+dirty"
	}
	return b
}
