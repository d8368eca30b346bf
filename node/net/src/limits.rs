//! Every bound of the wire and of the engine, in one place, named with its unit.
//!
//! Invariant: no queue, message, cache or wait of this crate is without a
//! figure here.

/// Longest control frame accepted, in bytes.
pub const CONTROL_FRAME_BYTES_MAX: usize = 1 << 20;
/// Longest data frame accepted, in bytes: one record may travel alone.
pub const DATA_FRAME_BYTES_MAX: usize = 24 << 20;
/// A decompressed batch may take this many bytes.
pub const BATCH_RAW_BYTES_MAX: usize = 64 << 20;
/// Records in one batch.
pub const BATCH_RECORDS_MAX: usize = 4_096;
/// Compressed size that a sender aims at for a batch on a fast link, in bytes.
pub const BATCH_BYTES_TARGET: usize = 64 << 10;
/// Batches of a priority sent and not yet acknowledged as durable.
pub const WINDOW_BATCHES_MAX: usize = 8;
/// Bytes of a priority sent and not yet acknowledged (one larger batch of all priorities may go alone).
pub const WINDOW_BYTES_MAX: usize = 1 << 20;
/// Bytes a second from which a link is given batches and windows as it was told to be.
pub const FAST_BYTES_S_MIN: u64 = 128 << 10;
/// Least compressed size aimed at for a batch on a slow link, in bytes.
pub const BATCH_BYTES_SLOW_MIN: usize = 4 << 10;
/// Batches that may be under way however slow a link is: one travels while another is taken in.
pub const WINDOW_SLOW_BATCHES: usize = 2;
/// Bytes of repair that may be under way however slow a link is: what a transport sends of itself before it knows
/// the link.
pub const WINDOW_REPAIR_BYTES_MIN: usize = 14 << 10;
/// Time that what is under way on a slow link may take beside the round trip, in milliseconds: what is
/// urgent waits no longer behind it.
pub const QUEUE_MS: u64 = 1_500;
/// Bytes of batches kept because other peers are sent the same.
pub const SHARED_BYTES_MAX: usize = 16 << 20;
/// A larger batch is read for each peer anew, in bytes.
pub const SHARED_BATCH_BYTES_MAX: usize = 1 << 20;
/// Feed entries read from the store at a time. What is left of a page when a batch is full is
/// read again for the next one: a batch of 64 KiB holds some 400 records.
pub const FEED_PAGE_ENTRIES: usize = 128;
/// Keys in one `Want`.
pub const WANT_KEYS_MAX: usize = 512;
/// Known change hashes named for one key of a `Want`.
pub const WANT_HAVE_MAX: usize = 4_096;
/// Known change hashes after which no further key is named in a `Want`.
pub const WANT_HASHES_MAX: usize = 4 * WANT_HAVE_MAX;
/// Change hashes that wants of a peer have named and that wait for their answer: those of one want. Nobody asks
/// for more before that is answered.
pub const GIVE_HASHES_MAX: usize = WANT_HASHES_MAX + WANT_HAVE_MAX;
/// Changes looked at, known ones and those that are read to be given, after which one read for wants ends and the
/// next begins: one want may name hundreds of records with thousands of changes each.
pub const GIVE_READ_CHANGES_MAX: usize = 16_384;
/// Keys waiting to be asked for in one session.
pub const WANT_QUEUE_KEYS_MAX: usize = 65_536;
/// Authority statements in one message.
pub const STATEMENTS_MAX: usize = 2_048;
/// Longest authority statement, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 66 << 10;
/// Bytes of authority statements that a newcomer is told with its certificate: it comes through a slow link in the
/// seconds for which that is up, and the rest follows with the first sync.
pub const WELCOME_BYTES: usize = 4 << 10;
/// Bytes of authority statements put into one message.
pub const STATEMENTS_MESSAGE_BYTES: usize = 256 << 10;
/// After what time it is tried again to keep authority statements, where it failed: news is tried at once.
pub const TRUST_AGAIN_MS: u64 = 5_000;
/// After what time it is tried again to take in changes whose author has become known, where it failed.
pub const ADMIT_AGAIN_MS: u64 = 60_000;
/// Statements in the chain of a hello: the line of roots, an issuer's names and cuts, a certificate and
/// a grant.
pub const CHAIN_MAX: usize = 256;
/// After what time a peer is told all statements anew once more, where both believe to have told all, and
/// differ as they did.
pub const RETELL_AGAIN_MS: u64 = 600_000;
/// Messages of statements in a session of which none was new.
pub const AUTHORITY_IN_VAIN_MAX: u32 = 256;
/// After what time a grant is looked at again whose renewal came to nothing.
pub const RENEW_AGAIN_MS: u64 = 24 * 3_600 * 1_000;
/// Longest name or site code, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest record key, in bytes.
pub const KEY_BYTES_MAX: usize = 129;
/// Longest reconciliation message, in bytes.
pub const RANGE_BYTES_MAX: usize = 512 << 10;
/// Sessions open at a time.
pub const SESSIONS_MAX: usize = 512;
/// Longest wait that a node without room for a session tells, in seconds.
pub const WAIT_S_MAX: u32 = 600;
/// Sessions of members that have come and whose exchange has not come to its end yet, at a time: more would
/// share what one machine can do, and each would end later than by waiting for its turn.
pub const MEETINGS_MAX: usize = 24;
/// After what time one that is still at it stands in nobody's way any more, in milliseconds: a first sync over a
/// slow link takes hours.
pub const MEETING_MS: u64 = 15_000;
/// Time after which whoever waits asks again, however long the wait that it was told, in milliseconds: it may be
/// its turn sooner.
pub const TURN_AGAIN_MS: u64 = 10_000;
/// Members of which it is known that they wait for a session.
pub const TURNS_MAX: usize = 2_048;
/// After what time a session on which nothing is under way may give its place to a member that waits, in ms.
pub const TURN_IDLE_MS: u64 = 5_000;
/// What whoever gave its place so is told to wait at least, in seconds.
pub const TURN_AWAY_S: u32 = 30;
/// What whoever finds no room for a session is told to wait at least, in seconds.
pub const TURN_FULL_S: u32 = 10;
/// For how long after its time a turn is kept for a member, in milliseconds.
pub const TURN_KEPT_MS: u64 = 60_000;
/// Time over which it is counted how many turns are taken, in milliseconds.
pub const TURN_RATE_MS: u64 = 60_000;
/// First wait of whoever was refused without a word of how long, in milliseconds.
pub const BUSY_MS_MIN: u64 = 1_000;
/// Longest such wait, in milliseconds.
pub const BUSY_MS_MAX: u64 = 16_000;
/// Times that an exchange is tried again with a node that is there and has said nothing within [`HELLO_MS_MAX`].
pub const SILENCES_MAX: u32 = 8;
/// For how long in all an exchange that somebody asked for waits for its turn, in milliseconds.
pub const TURN_MS_MAX: u64 = 1_800_000;
/// Time by which the members of a network spread their dialling of one that was started anew, a member, in ms.
pub const RETURN_MEMBER_MS: u64 = 50;
/// That time at most, in milliseconds.
pub const RETURN_MS_MAX: u64 = 20_000;
/// The same for one that was lost otherwise: it may be the own link that is up again, and for seconds only.
pub const RETURN_LINK_MEMBER_MS: u64 = 10;
/// Sessions of keys that are no member's as far as known, until they say hello.
pub const SESSIONS_UNKNOWN_MAX: usize = 64;
/// Sessions of one key that have not said hello yet.
pub const SESSIONS_UNKNOWN_KEY_MAX: usize = 4;
/// Longest frame accepted of a peer before its session is live, in bytes.
pub const HELLO_FRAME_BYTES_MAX: usize = 256 << 10;
/// Bytes of messages kept for a session whose hello has not arrived yet, where
/// the peer dialled: it waits for our hello before it sends anything.
pub const EARLY_BYTES_MAX: usize = 64 << 10;
/// Connections whose peer has not said who it is, in all.
pub const DOOR_MAX: usize = 256;
/// The same from one address: clinics may share one.
pub const DOOR_ADDRESS_MAX: usize = 32;
/// Connections from one address that need not prove it first.
pub const DOOR_UNPROVEN_MAX: usize = 8;
/// Connections from one address that are over and of which the transport still keeps something, in all while there
/// are no more than [`DOOR_DRAINING_MAX`]: clinics that share one and were told to wait leave fewer.
pub const DOOR_DRAINING_ADDRESS_MAX: usize = 256;
/// Such connections from all addresses beyond which each may leave the fewer the more there are.
pub const DOOR_DRAINING_MAX: usize = 1_024;
/// Connections let in from one address within [`DOOR_WINDOW_MS`].
pub const DOOR_BEGUN_MAX: usize = 120;
/// Window of that count, in milliseconds.
pub const DOOR_WINDOW_MS: u64 = 10_000;
/// Connections that wait for a place at the door, from all addresses: each costs a packet or a few.
pub const DOOR_WAITING_MAX: usize = 512;
/// How long one waits there before it is refused, in milliseconds: well before it gives up by itself, so that it
/// knows that somebody is there.
pub const DOOR_WAIT_MS: u64 = 4_000;
/// How often it is looked whether one that waits may enter, while somebody waits, in milliseconds.
pub const DOOR_LOOK_MS: u64 = 100;
/// Connections of one member within [`DOOR_WINDOW_MS`] that do not count as begun once it has said who it is: a
/// crowd of members behind one address is none of strangers.
pub const DOOR_MEMBER_MAX: usize = 8;
/// Addresses whose connections are counted.
pub const DOOR_ADDRESSES_MAX: usize = 4_096;
/// Time after which what serving a peer has cost counts half, in milliseconds.
pub const SHARE_HALF_MS: u32 = 10_000;
/// Bytes sent to a peer that count as much as a microsecond of work for it.
pub const SHARE_BYTES_A_US: u64 = 50;
/// Peers of which it is known what serving them has cost.
pub const SHARES_MAX: usize = 2 * SESSIONS_MAX;
/// By how much a peer may have used more than another and a small read for it still go before a long one for
/// the other, in microseconds.
pub const SMALL_AHEAD_US: u64 = 200_000;
/// Batches beside one a core that are verified ahead of their merge: whoever brings one waits for no more.
pub const PREPARED_MAX: usize = 2;
/// Peers that a node remembers at most.
pub const PEERS_MAX: usize = 4_096;
/// Addresses remembered for a peer.
pub const PEER_ADDRESSES_MAX: usize = 8;
/// Addresses of a peer that were only heard of on the local network.
pub const HEARD_ADDRESSES_MAX: usize = 4;
/// After what time an address that is heard of again has its node dialled at once again.
pub const HEARD_AGAIN_MS: u64 = 10_000;
/// Nodes of which one message says where they are reached.
pub const DIRECTORY_ROWS_MAX: usize = 64;
/// Sums by which two nodes find in what their directories differ.
pub const DIRECTORY_SUMS_MAX: usize = 256;
/// Messages about where nodes are reached that a peer may send at once; one more with each second.
pub const DIRECTORY_MESSAGES_MAX: u64 = 256;
/// Time between two messages of news about where nodes are reached, in a session.
pub const DIRECTORY_AGAIN_MS: u64 = 5_000;
/// News of where nodes are reached that one peer may bring at once, in rows: all that a directory holds. What is
/// beyond is not looked at, and told again by the next session.
pub const DIRECTORY_BROUGHT_MAX: u32 = 4_096;
/// Time after which a peer may bring one row more, in milliseconds.
pub const DIRECTORY_BROUGHT_MS: u64 = 100;
/// Times that one node may say at once that it is reached elsewhere, whoever brings it.
pub const DIRECTORY_NEWS_MAX: u32 = 64;
/// Time after which it may say so once more, in milliseconds.
pub const DIRECTORY_NEWS_MS: u64 = 1_000;
/// By how much the serial of what a node says of itself, a clock, may be ahead of this node's, in milliseconds:
/// ten years. A later one would be believed for ever; one within it is superseded by the node's next word.
pub const DIRECTORY_AHEAD_MS: u64 = 10 * 365 * 86_400_000;
/// The time from which that counts where this node's clock stands before it, in ms since 1970: the beginning of
/// 2026. A machine without a battery starts in 1970, and learns where others are reached all the same.
pub const DIRECTORY_CLOCK_MS_MIN: u64 = 1_767_225_600_000;
/// Time without a session with any node that it is to be in touch with, after which a node dials neighbours
/// that it knows by the word of others alone.
pub const NEIGHBOURS_AFTER_MS: u64 = 60_000;
/// The least and the most that a configuration may make of it, in milliseconds.
pub const NEIGHBOURS_AFTER_MS_MIN: u64 = 5_000;
/// The most that a configuration may make of [`NEIGHBOURS_AFTER_MS`], in milliseconds.
pub const NEIGHBOURS_AFTER_MS_MAX: u64 = 24 * 60 * 60_000;
/// Neighbours dialled so, and in session, at a time.
pub const NEIGHBOURS_MAX: usize = 3;
/// Longest wait before the next of them are dialled, in milliseconds.
pub const NEIGHBOURS_AGAIN_MS_MAX: u64 = 600_000;
/// Time that peers have to hear of this node's end, in milliseconds.
pub const GOODBYE_MS_MAX: u64 = 100;
/// Time a new session has for its hello, in milliseconds.
pub const HELLO_MS_MAX: u64 = 15_000;
/// For how long a session that can take nothing in waits whether it has something to send, in milliseconds.
pub const FULL_WAIT_MS: u64 = 5_000;
/// A session that owes something and of which no byte moves is closed, in ms.
pub const STALL_MS_MAX: u64 = 90_000;
/// A session without progress for this long may be replaced, in milliseconds.
pub const REPLACE_MS: u64 = 3_000;
/// Control messages a peer may send within [`FLOOD_WINDOW_MS`].
pub const FLOOD_MESSAGES_MAX: u32 = 20_000;
/// Window of the flood count, in milliseconds.
pub const FLOOD_WINDOW_MS: u64 = 10_000;
/// Repair rounds in one session before it gives up and says so.
pub const REPAIR_ROUNDS_MAX: u32 = 4;
/// For how long, in milliseconds, a peer that was believed that this node was restored from an older copy is not
/// believed again: each time costs an incarnation, of which a revocation names so many at most.
pub const SEEN_CLAIM_MS: u64 = 24 * 3_600 * 1_000;
/// Clock difference that is worth a warning, in milliseconds.
pub const CLOCK_SKEW_MS: u64 = 24 * 3_600 * 1_000;
/// Tickets remembered by an issuer.
pub const TICKETS_MAX: usize = 4_096;
/// First wait before dialling a peer again, in milliseconds.
pub const REDIAL_MS_MIN: u64 = 1_000;
/// Longest wait before dialling a peer again, in milliseconds.
pub const REDIAL_MS_MAX: u64 = 60_000;
/// Longest wait before dialling a peer whose switch was off, in milliseconds.
pub const REDIAL_SWITCHED_MS_MAX: u64 = 3_000;
/// Batches under way up to which a status goes along, and small batches are
/// not held back to be filled.
pub const EAGER_BATCHES_MAX: usize = 4;
/// Symbols of the first message of a sketch: on a fast link what most meetings take, on another one what
/// costs little where little differs.
pub const SKETCH_SYMBOLS_FAST: usize = 384;
/// Symbols of the first message of a sketch on a slow link; [`SKETCH_SYMBOLS_FAST`] says why they differ.
pub const SKETCH_SYMBOLS_SLOW: usize = 96;
/// Symbols of the first message of a sketch at least, however little is held.
pub const SKETCH_SYMBOLS_MIN: usize = 8;
/// Symbols of a sketch at most: where more differs, it is found by ranges.
pub const SKETCH_SYMBOLS_MAX: usize = 4_096;
/// Records that a sketch may tell to be with one side alone.
pub const SKETCH_RECORDS_MAX: usize = GIVES_MAX / 2;
/// Items in one `Differ`.
pub const DIFFER_ITEMS_MAX: usize = 4_096;
/// Messages kept for a session whose hello has not arrived yet, where the peer dialled.
pub const EARLY_MESSAGES_MAX: usize = 32;
/// The same where we dialled: the peer's first batches may overtake its hello, in pieces.
pub const EARLY_DIALLED_MESSAGES_MAX: usize = 4_096;
/// Batches held because one before them is missing: each data priority has its window.
pub const HELD_BATCHES_MAX: usize = 4 * WINDOW_BATCHES_MAX;
/// Bytes of what is held, comes in pieces and is being applied: what an honest sender has under
/// way. A priority goes over its window by one batch, one priority at a time by more than a window.
pub const HELD_BYTES_MAX: usize = 8 * WINDOW_BYTES_MAX + DATA_FRAME_BYTES_MAX;
/// Bytes of batches that wait to be taken in and whose session has ended, of one peer: what an honest one had under
/// way when its link was cut is taken in all the same.
pub const APPLY_LEFT_BYTES_MAX: usize = 8 * WINDOW_BYTES_MAX;
/// Bytes of control messages that wait for a peer to take them beyond which nothing more of it is read.
pub const CONTROL_QUEUED_BYTES: usize = 1 << 20;
/// The same beyond which its connection is closed: no answer adds to them, so whoever lets so much wait takes
/// nothing in any more. All statements of a network, told at once, are less.
pub const CONTROL_QUEUED_BYTES_MAX: usize = 16 << 20;
/// Room that a control frame takes at least until it is handled, in KiB: what one of the usual answers takes.
pub const CONTROL_FRAME_KIB_MIN: u32 = 32;
/// Bytes of a payload in one piece: what a cut costs at most, beside what was under way.
pub const PIECE_BYTES: usize = 16 << 10;
/// Time after which what has come of a payload is kept, in ms: what a power cut costs at most.
pub const PIECES_KEEP_MS: u64 = 10_000;
/// Unfinished payloads kept, of all peers, and those that came in full before their record had.
pub const PARTIALS_MAX: usize = 32;
/// Bytes of them kept.
pub const PARTIALS_BYTES_MAX: usize = 64 << 20;
/// Unfinished payloads kept of one peer: one of each priority is under way at a time.
pub const PARTIALS_PEER_MAX: usize = 4;
/// Bytes kept of one peer's, and read when it is met: more than its largest payload, and half of all.
pub const PARTIALS_PEER_BYTES_MAX: usize = PARTIALS_BYTES_MAX / 2;
/// Bytes of one document of the store that holds a part of them.
pub const PARTIAL_SEGMENT_BYTES_MAX: usize = 512 << 10;
/// A change this large, in bytes, travels in a batch of its own, so that its payload is the same
/// after a cut, whatever was written to the record meanwhile.
pub const ALONE_BYTES_MIN: usize = 48 << 10;
/// Wants of a peer waiting for their answer.
pub const GIVES_MAX: usize = 8 * WANT_KEYS_MAX;
/// Feed pages read in one go before other work gets its turn.
pub const PAGES_A_READ: usize = 256;
/// Positions that the log may be ahead of a pass and little be left to send: then it waits until
/// less than [`EAGER_BATCHES_MAX`] batches are under way. More than these, and a batch is read.
pub const HELD_BACK_POSITIONS_MAX: u64 = 256;
/// A read of no more positions goes before the longer ones of others.
pub const SMALL_READ_POSITIONS_MAX: u64 = 1_024;
/// Times one key is asked for in a session.
pub const WANT_TRIES_MAX: u8 = 3;
/// Refusals reported of one exchange.
pub const REFUSED_MAX: usize = 64;
/// Refused changes of a session that are known one by one, to tell when they have come rightly after all.
pub const REFUSED_CHANGES_MAX: usize = 4_096;
/// Requests that wait on one session.
pub const REQUESTS_MAX: usize = 64;
/// A link on which something was sent and nothing has been heard since for so long, beside two round
/// trips, is silent, in milliseconds.
pub const SILENT_MS: u64 = 2_000;
/// Bytes of a priority, and of a batch, that are under way at first to a peer of which nothing has been heard for
/// [`SILENT_MS`]; with more than that under way on a link that is found to be down both begin anew.
pub const QUIET_BYTES: usize = 8 << 10;
/// The longest that a command waits for a peer that has fallen silent amid an exchange, in milliseconds.
pub const SILENT_MS_MAX: u64 = 30_000;
/// Times that a peer which owes something is asked whether it is there, until it says something else.
pub const ASKS_MAX: u32 = 8;
/// Time between knocks at a peer whose link is silent or that has just been lost, in milliseconds.
pub const KNOCK_MS: u64 = 1_000;
/// Addresses of a peer whose link is silent that are knocked at.
pub const KNOCK_ADDRESSES_MAX: usize = 4;
/// The part of the time that it has been lost after which it is knocked at again, where that is longer, so that
/// little of a link's time is lost.
pub const KNOCK_PART: u64 = 60;
/// The longest time between knocks at one that was lost, in milliseconds.
pub const KNOCK_SELDOM_MS: u64 = 15_000;
/// Time between questions on a silent connection itself whether the peer is there, in milliseconds.
pub const LINK_ASK_MS: u64 = 250;
/// The part of the time that a connection has been silent after which it is asked again, where that is longer.
pub const LINK_ASK_PART: u32 = 200;
/// Round trip below which a link is near, in milliseconds.
pub const NEAR_TRIP_MS: u64 = 20;
/// Time after which the peer of a near link is asked whether it is there though nothing was sent, in milliseconds.
pub const NEAR_ASK_MS: u64 = 5_000;
/// Connections on which that is asked with one tick.
pub const LINK_ASKS_A_TICK_MAX: usize = 8;
/// Bytes of such questions that are kept for whoever reads them, and that wait to be sent.
pub const LINK_ASK_BYTES_MAX: usize = 256;
/// For how long a peer whose knocks are answered may say nothing on its connection before it is dialled
/// anew, in milliseconds.
pub const KNOCK_UNHEARD_MS: u64 = 3_000;
/// Times that two begin anew while nothing arrives: after that a session stands still until it is given up.
pub const ANEWS_IN_VAIN_MAX: u32 = 4;
/// Times within [`ANEWS_MS`] that a connection's sessions may begin anew.
pub const ANEWS_MAX: u32 = 8;
/// The time in which [`ANEWS_MAX`] counts, in milliseconds.
pub const ANEWS_MS: u64 = 10_000;
/// Hosts whose round trips are remembered.
pub const TRIPS_MAX: usize = 4_096;
/// The shortest round trip that is expected of a host, in milliseconds: a busy machine takes its time.
pub const TRIP_MS_MIN: u64 = 100;
/// The longest, in milliseconds: a handshake's packet that is lost is sent again after three times that.
pub const TRIP_MS_MAX: u64 = 1_000;
/// Hundredths of what a handshake's round trip took that are expected of the next one: a good part of it was the
/// length of its packets.
pub const TRIP_HANDSHAKE_PERCENT: u64 = 60;
/// The longest that a node gives one it has lost, and hears again, the time to dial it, in milliseconds.
pub const YIELD_MS_MAX: u64 = 1_000;
/// Time after which one that was lost is dialled though it answers no knock, in milliseconds.
pub const DIAL_UNASKED_MS: u64 = 300_000;
/// Peers without a session that are knocked at with one tick.
pub const KNOCKS_A_TICK_MAX: usize = 8;
/// Time a knock has to be answered, in milliseconds.
pub const KNOCK_WAIT_MS: u64 = 3_000;
/// Sessions up to which a node names its peers to each other, and neighbours that one message tells of.
pub const NEARBY_MAX: usize = 16;
/// Time between messages that tell a peer how far this node has come in neighbours' logs, in milliseconds.
pub const NEARBY_MS: u64 = 100;
/// For how long a node of a mesh waits with the word where it stands, so that one follows from all that
/// neighbours bring at about the same time, in milliseconds.
pub const STATUS_MESH_MS: u64 = 300;
/// Time between two such words to the same neighbour, in milliseconds.
pub const STATUS_MESH_AGAIN_MS: u64 = 1_000;
/// For how long it is waited whether a peer has from a neighbour what came from there, in milliseconds.
pub const RELAY_MS_MAX: u64 = 2_000;
/// Time between such messages on a slow link, in milliseconds: well below [`RELAY_MS_MAX`], or else a peer
/// hands on what it would have been told is here.
pub const NEARBY_SLOW_MS: u64 = 750;
/// For how long what neighbours bring one after the other may hold up a pass, in milliseconds.
pub const RELAY_PASS_MS_MAX: u64 = 5_000;
/// Batches of a neighbour's log, a priority, of which it is remembered where they lie in the own.
pub const ORIGIN_STEPS_MAX: usize = 1_024;
/// Time between saves of what is known of peers, in milliseconds.
pub const PEERS_SAVE_MS: u64 = 5_000;
/// Peers dialled of a node's own accord with one tick: one that starts does not dial two hundred at once.
pub const DIALS_A_TICK_MAX: usize = 8;
/// Time one address has to answer when dialled, in milliseconds.
pub const DIAL_MS_MAX: u64 = 10_000;
/// Time that a handshake may take of which something was heard, in milliseconds: on a slow link one whose packets
/// are lost twice takes longer than anybody waits for one who is not there.
pub const HANDSHAKE_MS_MAX: u64 = 25_000;
/// Events waiting for the engine.
pub const INPUTS_MAX: usize = 1_024;
/// Time between ticks of the engine, in milliseconds.
pub const TICK_MS: u64 = 250;

/// Bytes in which a node tells of itself, what later versions add included.
pub const HEALTH_BYTES_MAX: usize = 512;
/// Longest version of the program that a peer may name, in bytes.
pub const VERSION_BYTES_MAX: usize = 32;
/// More than this of anything no node has.
pub const HEALTH_COUNT_MAX: u64 = 1 << 40;
/// More room than any disk has, in bytes.
pub const HEALTH_DISK_BYTES_MAX: u64 = 1 << 60;
/// The latest clock a peer may name: the end of the year 9999, in ms since 1970.
pub const HEALTH_CLOCK_MS_MAX: u64 = 253_402_300_799_999;
/// Time after which a peer is told what waits for a person here, where it has changed, in milliseconds.
pub const HEALTH_MS: u64 = 60_000;
/// The same of how much is held and how much room there is, which change all day.
pub const HEALTH_SIZE_MS: u64 = 600_000;
/// Records more or less than a peer was told of, beyond which it is told as soon as both hold the same.
pub const HEALTH_RECORDS_APART: u64 = 10;
/// Time after which it is told again where nothing has changed: the disk and the clock move on.
pub const HEALTH_AGAIN_MS: u64 = 3_600_000;
/// How long a look at this node's own figures serves where nothing is written, in milliseconds.
pub const HEALTH_LOOK_MS: u64 = 5_000;
/// Time a session is at work before a peer is told beside that, in milliseconds.
pub const HEALTH_BUSY_MS: u64 = 10_000;
/// Time after which one who does not answer is told as silent, in milliseconds.
pub const UNANSWERED_MS: u64 = 10_000;
/// A peer of whom nothing is heard for this long is not spoken of in the present, in milliseconds: more
/// than two keep-alives of any profile.
pub const UNHEARD_MS: u64 = 60_000;
/// Time between notes of when the peers of open sessions were heard, in milliseconds.
pub const CONTACT_KEEP_MS: u64 = 600_000;

#[cfg(test)]
mod tests;
