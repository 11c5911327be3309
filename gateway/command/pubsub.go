package command

// aboutChannels are the flags of the commands by which a connection listens.
const aboutChannels = PubSub | NoScript | Loading | Stale

// shardChannels is the specification of commands whose arguments are all shard channels.
func shardChannels() []KeySpec { return allKeys(KeyNotKey) }

func pubSubSpecs() []*Spec {
	return []*Spec{
		{
			Name: "subscribe", Arity: -2, Flags: aboutChannels,
			Summary: "Listen for messages published to the given channels",
			Since:   "2.0.0", Complexity: "O(N) where N is the number of channels to subscribe to.",
			Arguments: []Arg{text("channel").repeated()},
		},
		{
			Name: "unsubscribe", Arity: -1, Flags: aboutChannels,
			Summary: "Stop listening for messages posted to the given channels",
			Since:   "2.0.0", Complexity: "O(N) where N is the number of clients already subscribed to a channel.",
			Arguments: []Arg{text("channel").optional().repeated()},
		},
		{
			Name: "psubscribe", Arity: -2, Flags: aboutChannels,
			Summary: "Listen for messages published to channels matching the given patterns",
			Since:   "2.0.0", Complexity: "O(N) where N is the number of patterns the client is already subscribed to.",
			Arguments: []Arg{block("pattern", pattern("pattern")).repeated()},
		},
		{
			Name: "punsubscribe", Arity: -1, Flags: aboutChannels,
			Summary: "Stop listening for messages posted to channels matching the given patterns",
			Since:   "2.0.0", Complexity: "O(N+M) where N is the number of patterns the client is already subscribed and M is the number of total patterns subscribed in the system (by any client).",
			Arguments: []Arg{pattern("pattern").optional().repeated()},
		},
		{
			Name: "publish", Arity: 3, Flags: PubSub | Loading | Stale | Fast,
			Summary: "Post a message to a channel",
			Since:   "2.0.0", Complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).",
			Arguments: []Arg{text("channel"), text("message")},
		},
		{
			Name: "ssubscribe", Arity: -2, Flags: aboutChannels,
			KeySpecs: shardChannels(),
			Summary:  "Listen for messages published to the given shard channels",
			Since:    "7.0.0", Complexity: "O(N) where N is the number of shard channels to subscribe to.",
			Arguments: []Arg{text("shardchannel").repeated()},
		},
		{
			Name: "sunsubscribe", Arity: -1, Flags: aboutChannels,
			KeySpecs: shardChannels(),
			Summary:  "Stop listening for messages posted to the given shard channels",
			Since:    "7.0.0", Complexity: "O(N) where N is the number of clients already subscribed to a shard channel.",
			Arguments: []Arg{text("shardchannel").optional().repeated()},
		},
		{
			Name: "spublish", Arity: 3, Flags: PubSub | Loading | Stale | Fast,
			KeySpecs: oneKey(KeyNotKey),
			Summary:  "Post a message to a shard channel",
			Since:    "7.0.0", Complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
			Arguments: []Arg{text("shardchannel"), text("message")},
		},
		{
			Name: "pubsub", Arity: -2,
			Summary: "A container for Pub/Sub commands",
			Since:   "2.8.0", Complexity: "Depends on subcommand.",
			Subcommands: pubSubSubcommands(),
		},
	}
}

func pubSubSubcommands() []*Spec {
	return []*Spec{
		{
			Name: "channels", Arity: -2, Flags: PubSub | Loading | Stale,
			Summary: "List active channels",
			Since:   "2.8.0", Complexity: "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)",
			Arguments: []Arg{pattern("pattern").optional()},
		},
		{
			Name: "numpat", Arity: 2, Flags: PubSub | Loading | Stale,
			Summary: "Get the count of unique patterns pattern subscriptions",
			Since:   "2.8.0", Complexity: "O(1)",
		},
		{
			Name: "numsub", Arity: -2, Flags: PubSub | Loading | Stale,
			Summary: "Get the count of subscribers for channels",
			Since:   "2.8.0", Complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
			Arguments: []Arg{text("channel").optional().repeated()},
		},
		{
			Name: "shardchannels", Arity: -2, Flags: PubSub | Loading | Stale,
			Summary: "List active shard channels",
			Since:   "7.0.0", Complexity: "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).",
			Arguments: []Arg{pattern("pattern").optional()},
		},
		{
			Name: "shardnumsub", Arity: -2, Flags: PubSub | Loading | Stale,
			Summary: "Get the count of subscribers for shard channels",
			Since:   "7.0.0", Complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
			Arguments: []Arg{text("shardchannel").optional().repeated()},
		},
		{
			Name: "help", Arity: 2, Flags: Loading | Stale,
			Summary: "Show helpful text about the different subcommands",
			Since:   "6.2.0", Complexity: "O(1)",
		},
	}
}
