// Package dashboard serves the page that an operator looks at.
//
// The page is files that are part of the program (page/), written by hand: HTML, a style sheet, modules of JavaScript. They hold no
// data and are given to everybody. What they show comes from a JSON API below /api/v1/, which asks who is there:
//
//	GET  /api/v1/cluster        nodes with what they count, shards, migrations; and who is asking
//	GET  /api/v1/slowlog        the slow logs of all nodes, the last command first
//	GET  /api/v1/hotkeys        the keys that commands name most, by samples
//	GET  /api/v1/key?key=K      which shard and node serve a key, its type, version, expiry, size; key64=K: the same in base64
//	POST /api/v1/transfer       {"shard": 1, "to": "node id"}: moves a leadership; without "to" to whom the leader chooses
//	POST /api/v1/rebalance      {}: spreads the slots evenly, once
//	POST /api/v1/cancel         {"migration": 7}: cancels a migration, 0 all of them; a rebalance stops
//
// Errors are {"error": "..."} with the status that fits. Who asks says who he is by basic authentication (curl -u user:password);
// the page keeps what it was told in its memory. Without a word a visitor is the user 'default', where that needs no password, and
// then changes nothing: what changes something takes a password.
//
// # Hostile input
//
// Keys, names and arguments come from clients. The API escapes what cannot be printed, and the page shows all of it as text; its
// content security policy lets run, and load, nothing but the page's own files. A page elsewhere cannot ask in the name of who
// looks at this one: nothing is kept in cookies, changes across origins are refused, and a name that this machine is not known by
// (DNS rebinding) is answered only with a password.
package dashboard
