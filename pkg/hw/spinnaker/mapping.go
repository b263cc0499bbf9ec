package spinnaker

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

const (
	maxAtoms = 1 << 21 // neurons of a mapping
	maxTags  = 16      // of a machine vertex
	maxLive  = 1 << 20 // tags of all machine vertices
)

// coreAddress is a core that runs atoms, with the address of the board's Ethernet chip through which it is reached.
type coreAddress struct {
	X, Y, P uint8
	Board   string // IP address
}

// loadedAtom is a neuron: its core, and the key that its spikes carry.
type loadedAtom struct {
	Key  uint32
	Core coreAddress
}

// liveTag is a tag by which live spikes leave a board, sent by the gatherer on the chip at X, Y.
type liveTag struct {
	Tag, X, Y uint8
	Board     string
	Strip     bool // the SDP header is taken off
}

// loadedPopulation is a group of neurons as the toolchain loaded it.
type loadedPopulation struct {
	Atoms []loadedAtom // by number
	Live  []liveTag    // the tags that its spikes leave by, none if they stay on the board
	whole bool         // every core's spikes leave
}

// loadedNetwork is what the toolchain has loaded, as its database says.
type loadedNetwork struct {
	TimeStep    float64 // of the simulation, in microseconds
	Steps       int     // that a run takes, 0 without end
	Proxied     bool    // the board is reached through a proxy of spalloc
	Populations map[string]*loadedPopulation
}

// readMapping reads the database at a path. Errors about its content wrap [ErrDatabase].
func readMapping(path string) (*loadedNetwork, error) {
	d, err := openDatabase(path)
	if err != nil {
		return nil, err
	}
	m, err := d.mapping()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

type chip struct{ x, y int64 }

// mapping joins the tables, as the views of the toolchain's own reader do.
func (d *database) mapping() (*loadedNetwork, error) {
	m := &loadedNetwork{Populations: map[string]*loadedPopulation{}}
	if err := d.parameters(m); err != nil {
		return nil, err
	}
	cores, err := d.cores()
	if err != nil {
		return nil, err
	}
	labels, taken := map[int64]string{}, map[string]bool{}
	if err := d.each("Application_vertices", []string{"vertex_id", "vertex_label"}, func(r []any) error {
		id, _ := r[0].(int64)
		label, ok := r[1].(string)
		if !ok {
			return nil
		}
		if taken[label] {
			return unreadable("two populations have the name %q", label)
		}
		labels[id], taken[label] = label, true
		return nil
	}); err != nil {
		return nil, err
	}
	population := map[int64]*loadedPopulation{} // by machine vertex
	if err := d.each("graph_mapper_vertex", []string{"application_vertex_id", "machine_vertex_id"}, func(r []any) error {
		app, _ := r[0].(int64)
		vertex, _ := r[1].(int64)
		label, ok := labels[app]
		if !ok {
			return unreadable("a part of population %d, which does not exist", app)
		}
		if m.Populations[label] == nil {
			m.Populations[label] = &loadedPopulation{whole: true}
		}
		population[vertex] = m.Populations[label]
		return nil
	}); err != nil {
		return nil, err
	}
	live, err := d.live(cores)
	if err != nil {
		return nil, err
	}
	for vertex, p := range population {
		tags := live[vertex]
		p.whole = p.whole && len(tags) > 0
		p.Live = append(p.Live, tags...)
	}
	for _, p := range m.Populations {
		slices.SortFunc(p.Live, func(a, b liveTag) int { return cmp.Or(cmp.Compare(a.Board, b.Board), cmp.Compare(a.Tag, b.Tag)) })
		p.Live = slices.Compact(p.Live)
	}
	return m, d.atoms(population, cores)
}

func (d *database) parameters(m *loadedNetwork) error {
	runtime := 0.0
	err := d.each("configuration_parameters", []string{"parameter_id", "value"}, func(r []any) error {
		var v float64
		switch n := r[1].(type) {
		case int64:
			v = float64(n)
		case float64:
			v = n
		default:
			return nil
		}
		switch r[0] {
		case "machine_time_step":
			m.TimeStep = v
		case "runtime":
			runtime = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !(m.TimeStep > 0 && m.TimeStep < 1e9) {
		return unreadable("time steps of %v microseconds", m.TimeStep)
	}
	if runtime > 0 { // in milliseconds, -1 without end
		m.Steps = int(min(runtime*1000/m.TimeStep, 1<<31))
	}
	return d.each("proxy_configuration", []string{"kind"}, func([]any) error {
		m.Proxied = true
		return nil
	})
}

// cores finds the core of every machine vertex.
func (d *database) cores() (map[int64]coreAddress, error) {
	ip, nearest := map[chip]string{}, map[chip]chip{}
	err := d.each("Machine_chip", []string{"chip_x", "chip_y", "ip_address", "nearest_ethernet_x", "nearest_ethernet_y"}, func(r []any) error {
		x, _ := r[0].(int64)
		y, _ := r[1].(int64)
		ex, _ := r[3].(int64)
		ey, _ := r[4].(int64)
		if s, ok := r[2].(string); ok {
			if _, err := netip.ParseAddr(s); err != nil {
				return unreadable("the board at chip %d, %d: %v", x, y, err)
			}
			ip[chip{x, y}] = s
		}
		nearest[chip{x, y}] = chip{ex, ey}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cores := map[int64]coreAddress{}
	return cores, d.each("Placements", []string{"vertex_id", "chip_x", "chip_y", "chip_p"}, func(r []any) error {
		vertex, _ := r[0].(int64)
		x, _ := r[1].(int64)
		y, _ := r[2].(int64)
		p, _ := r[3].(int64)
		board, ok := ip[nearest[chip{x, y}]]
		if x < 0 || x > 255 || y < 0 || y > 255 || p < 0 || p > 31 || !ok {
			return unreadable("core %d of chip %d, %d, which is on no board", p, x, y)
		}
		cores[vertex] = coreAddress{uint8(x), uint8(y), uint8(p), board}
		return nil
	})
}

// live finds the tags that the spikes of a machine vertex leave by.
func (d *database) live(cores map[int64]coreAddress) (map[int64][]liveTag, error) {
	tags := map[int64][]liveTag{} // of a gatherer
	err := d.each("IP_tags", []string{"vertex_id", "tag", "board_address", "strip_sdp"}, func(r []any) error {
		vertex, _ := r[0].(int64)
		tag, _ := r[1].(int64)
		board, _ := r[2].(string)
		strip, _ := r[3].(int64)
		if _, err := netip.ParseAddr(board); err != nil || tag < 0 || tag > 7 {
			return unreadable("tag %d of the board %q", tag, board)
		}
		at, ok := cores[vertex]
		if !ok {
			return nil
		}
		return add(tags, vertex, liveTag{uint8(tag), at.X, at.Y, board, strip != 0})
	})
	if err != nil {
		return nil, err
	}
	live, n := map[int64][]liveTag{}, 0
	return live, d.each("m_vertex_to_lpg_vertex", []string{"pre_vertex_id", "post_vertex_id"}, func(r []any) error {
		from, _ := r[0].(int64)
		to, _ := r[1].(int64)
		n -= len(live[from])
		if err := add(live, from, tags[to]...); err != nil {
			return err
		}
		if n += len(live[from]); n > maxLive {
			return unreadable("more than %d tags", maxLive)
		}
		return nil
	})
}

// add gives a vertex the tags that it does not have.
func add(to map[int64][]liveTag, vertex int64, tags ...liveTag) error {
	for _, t := range tags {
		if slices.Contains(to[vertex], t) {
			continue
		}
		if len(to[vertex]) == maxTags {
			return unreadable("the vertex %d has more than %d tags", vertex, maxTags)
		}
		to[vertex] = append(to[vertex], t)
	}
	return nil
}

func (d *database) atoms(population map[int64]*loadedPopulation, cores map[int64]coreAddress) error {
	n := 0
	known := map[*loadedPopulation]map[int64]loadedAtom{}
	err := d.each("event_to_atom_mapping", []string{"vertex_id", "atom_id", "event_id"}, func(r []any) error {
		vertex, _ := r[0].(int64)
		atom, ok := r[1].(int64)
		key, _ := r[2].(int64)
		p, core := population[vertex], cores[vertex]
		if n++; n > maxAtoms {
			return unreadable("more than %d neurons", maxAtoms)
		}
		if p == nil || core.Board == "" {
			return nil // a device's
		}
		if !ok || atom < 0 || atom >= maxAtoms || key < 0 || key > 1<<32-1 {
			return unreadable("neuron %d with key %d", atom, key)
		}
		if known[p] == nil {
			known[p] = map[int64]loadedAtom{}
		}
		if _, twice := known[p][atom]; twice {
			return unreadable("neuron %d has two keys", atom)
		}
		known[p][atom] = loadedAtom{uint32(key), core}
		return nil
	})
	if err != nil {
		return err
	}
	for p, atoms := range known {
		p.Atoms = make([]loadedAtom, len(atoms))
		for i, a := range atoms {
			if i >= int64(len(atoms)) {
				return unreadable("neuron %d of %d", i, len(atoms))
			}
			p.Atoms[i] = a
		}
	}
	return nil
}
