# Who has not synced: how it stands with every other site.
hub-title = How the sites stand
hub-lead = What this site knows of the others: when they were last heard, what they may lack, what waits there.
hub-open = How all sites stand
hub-stale-heading = { $form ->
    [one] Not synced for a day
   *[other] Not synced for { $count } days
}
hub-others-heading = The others
hub-never-heading = Never synced yet
hub-well = { $form ->
    [one] Every site has synced within a day.
   *[other] Every site has synced within { $count } days.
}
hub-well-met = { $form ->
    [one] Every site that this one meets itself has synced within a day.
   *[other] Every site that this one meets itself has synced within { $count } days.
}
hub-heard = Last heard
hub-in-sync = Last in sync
hub-in-sync-now = Now
hub-never = Never
hub-unknown = Not known
hub-backlog = Not there yet
hub-backlog-none = Nothing
hub-backlog-revoked = It is sent nothing any more
hub-backlog-most = { $form ->
    [one] One change at most
   *[other] { $count } changes at most
}
hub-waiting = Waits for a person
hub-waiting-none = Nothing
hub-as-of = as it said
hub-as-met = when last compared
hub-conflicts = { $form ->
    [one] One conflict there
   *[other] { $count } conflicts there
}
hub-quarantined = { $form ->
    [one] One change refused there
   *[other] { $count } changes refused there
}
hub-awaiting = { $form ->
    [one] One change waits there for word of its author
   *[other] { $count } changes wait there for word of their author
}
hub-quarantined-here = { $form ->
    [one] One change from it refused here
   *[other] { $count } changes from it refused here
}
hub-version = Version
hub-clock-right = Right
hub-clock-ahead = { $span } ahead
hub-clock-behind = { $span } behind
hub-clock-ahead-here = { $span } ahead of this machine's
hub-clock-behind-here = { $span } behind this machine's
hub-disk = Disk free
hub-disk-full = Full: it takes no more records
hub-bytes = Data
hub-records = { $form ->
    [one] One record there
   *[other] { $count } records there
}
hub-addresses = Looked for at:
hub-joined = Joined:
hub-open-stale = { $form ->
    [one] One of them has not synced for long
   *[other] { $count } of them have not synced for long
}
hub-by-way-heading = By way of another site
hub-by-way = This site does not meet them itself: their records come by way of { $peer }.
hub-by-way-late = This site does not meet them itself: their records come by way of { $peer }, and that one has not synced for long. How they stand is not known until it has.
address-told = it said so itself
address-through = { $peer } handed that on
address-joined = this site joined there
address-configured = configured here
address-asked = asked for here
address-mdns = heard on the local network
address-met = it called from there
address-reached = reached there before
hub-sent = Sent:
hub-received = Received:
size-b = { $amount } B
size-kb = { $amount } kB
size-mb = { $amount } MB
size-gb = { $amount } GB
size-tb = { $amount } TB

site-reason-revoked = It was taken out of the network.
site-reason-revoked-here = It says that this site was taken out of the network: nothing is exchanged any more.
site-reason-never-met = It has joined the network, and this site has never met it.
site-reason-clock = The times noted of it lie ahead of this clock: one of the clocks was wrong.
site-reason-disk-full = Its disk is full: it takes nothing in.
site-reason-quarantined-here = Changes from it were refused here, and wait for a person.
site-reason-quarantined = Changes were refused there, and wait for a person.
site-reason-awaiting = Changes wait there for word of who wrote them.
site-reason-not-heard = It is not heard. Is it running, and has it a connection?
site-reason-at-work = It is connected, and the exchange is not finished.
