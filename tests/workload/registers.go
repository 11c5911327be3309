package workload

import (
	"fmt"
	"math/rand/v2"

	"github.com/holtcache/holt/tests/model"
)

// keyClientsMax bounds the clients that work on one key at a time: the search for an order grows with them.
const keyClientsMax = 5

// lanes starts the clients of the session, in each shard on as many lanes as the bound asks for.
func (s *Session) lanes(prefix string, pick Pick) {
	for shard, keys := range s.target.Keys {
		for first := 0; first < s.config.Clients; first += keyClientsMax {
			name := fmt.Sprintf("%s-%d", prefix, first/keyClientsMax)
			lane := NewLane(func(generation int) string { return keys(name, generation) }, pick)
			s.crew(shard, lane, min(keyClientsMax, s.config.Clients-first), s.linearizable()...)
		}
	}
}

func beginRegisters(s *Session) { s.lanes("register", registersWithCas) }

// registersWithCas is Registers with compare-and-set.
func registersWithCas(random *rand.Rand, key string, client, i int) model.Op {
	if random.IntN(5) == 0 {
		return model.Op{Kind: model.Cas, Arg: fmt.Sprintf("c%d-%d", client, i)}
	}
	return Registers(random, key, client, i)
}

func judgeRegisters(s *Session, ops []model.Op, v *Verdict) error {
	report, err := model.CheckRegisters(ops, s.config.SearchMax)
	v.Keys, v.Checked = report.Keys, report.Ops
	return err
}

func beginTwins(s *Session) { s.lanes("twins", twins) }

func twins(random *rand.Rand, _ string, client, i int) model.Op {
	if random.IntN(2) == 0 {
		return model.Op{Kind: model.GetTwins}
	}
	return model.Op{Kind: model.SetTwins, Arg: fmt.Sprintf("c%d-%d", client, i)}
}

func judgeTwins(s *Session, ops []model.Op, v *Verdict) error {
	written := map[string]bool{}
	for _, o := range ops {
		if o.Kind == model.SetTwins {
			written[o.Key] = true
		}
	}
	var pairs []model.Op
	for _, o := range ops {
		if o.Kind != model.Get || written[o.Key] { // the final reads of the twins alone are those of the comparison
			pairs = append(pairs, o)
		}
	}
	report, err := model.CheckTwins(pairs, s.config.SearchMax)
	v.Keys, v.Checked = report.Keys, report.Ops
	return err
}
