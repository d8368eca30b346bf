# The frame: menu, log-in, errors, home.
skip = Skip to the content
menu = Main menu
site = Site
comma = ,
required = required
cancel = Cancel
save = Save
change = Change
confirm-yes = Yes
live-updated = Updated just now
nav-home = Home
nav-patients = Patients
nav-register = Register a patient
nav-register-short = Register
nav-conflicts = Conflicts
sign-out = Sign out
signed-in-as = Signed in as { $user }
test-data = Sample data: nobody here is a real person.

login-title = Sign in
login-lead = { $node } keeps working with or without the Internet.
login-submit = Sign in
login-wrong = This token does not open this node. Check that the whole of it was copied.
login-form-old = This form was too old. Please try again.
login-kept = You were signed out before this was saved. Sign in again: what you typed is still here and comes back.
login-link-used = This link has been used or is too old. Sign in with a token.
resume-title = You are signed in again
resume-text = What you typed is still here. Nothing of it is saved yet.
resume-submit = Back to the form
own-token-title = Your own access token
own-token-text = The first token opened this node once. Keep this one safe and secret: you sign in with it from now on, and it is shown only now.
own-token-label = Access token
own-token-continue = I have kept it: continue
login-locked = { $form ->
    [one] Too many attempts. Try again in a minute.
   *[other] Too many attempts. Try again in { $count } minutes.
}
field-token = Access token
hint-token = The administrator gave it to you; it is shown only once.

problems-heading = Please correct this
reason-required = Please fill this in.
reason-too-long = This is too long.
reason-in-future = This lies in the future: the clock here says { $today }.
reason-too-old = This is more than 140 years ago.
reason-unknown-code = Please choose one of these.
reason-malformed = This is not written the way it must be.
reason-malformed-number = Write a number, for example 36.8
reason-month-first = The day comes before the month here: { $right }
reason-short-year = Write the year with all four digits, for example 1990.
reason-no-such-day = There is no such day. Write it like 4/5/1990 (day, month, year) or 1990-05-04.
reason-ambiguous = This can be read in two ways. Write one of them: { $right }
reason-impossible = No living person has this value. Check it.
reason-not-positive = This must be more than zero.
reason-inconsistent = This does not fit the other fields.
reason-gone = Somebody has removed this meanwhile.
reason-duplicate = This is already recorded.
reason-outdated = This was written for the old dose. Write it anew, or empty it to have it made from the numbers.
reason-not-whole = This record says more than this form shows (when needed, a maximum, a second dose …): write a new prescription, so that none of it is lost.
reason-not-an-order = This is no order: it is a plan, or says what is not to be given. Write a prescription.

error-denied-title = You may not do this
error-denied-text = Your role does not allow it, or the form was too old. Nothing was changed. Go back, reload the page and try again, or ask an administrator.
error-parcel-denied-title = This takes two roles
error-parcel-denied-text = Files by stick or mail are written and taken in by whoever is both administrator and clinician: a file holds the records of every person here. Your role is not both. Ask somebody who has both, or ask the administrator for a sign-in with both roles.
error-not-found-title = There is nothing here
error-not-found-text = The page or record does not exist, or this node does not hold it yet.
error-invalid-title = This could not be understood
error-invalid-text = Nothing was changed. Go back and correct the form.
form-saved-otherwise = This form was saved before, with something else typed. Nothing was saved now. Look at the record first: saving once more adds another entry.
error-stale-title = Somebody was quicker
error-stale-text = What you saw has changed since. Nothing was lost: look at it again and decide.
error-collision-title = Same number, two patients
error-collision-text = Two patients’ records have this number. Nothing was mixed up or changed. Open the record from the patient’s chart, or decide under Conflicts which of them keeps the number.
error-disk-full-title = The disk is nearly full
error-disk-full-text = Nothing was saved. Reading goes on working. Tell the administrator that this node needs space.
error-unavailable-title = Busy just now
error-unavailable-text = Nothing was changed. Wait a moment and try again.
error-internal-title = Something went wrong here
error-internal-text = The fault is ours. Nothing was half saved. Tell the administrator this reference:
error-reference = Reference
error-code = Error { $code }

first-sync = First sync incomplete: { $done } of { $total }
first-sync-text = Until it is complete, searches can miss people and charts can miss entries.
first-sync-label = First sync
nag-revoked-title = This node was taken out of its network
nag-revoked-text = { $peer } says so. What is entered here reaches nobody, and nothing new arrives. Everything already here can still be read.
nag-root-title = The network's root key has no copy
nag-root-text = If this machine is lost, no new clinic can ever join. Keep the sealed file and its recovery words in two safe places.
nag-key-beside-title = Key and data lie on one disk
nag-key-beside-text = This protects copies of the data, not against theft of the machine.
nag-unsealed-title = The data is not sealed
nag-unsealed-text = Anyone with this disk can read every record.
nag-disk-title = The disk is nearly full
nag-disk-text = { $megabytes } MB are free. New entries are refused; reading and sending go on.
nag-clock-title = This machine's clock is wrong, or was
nag-clock-text = It stands { $span } behind times that it has noted itself. Check date and time before writing.
clock-strip = This machine's clock says { $now }.
nag-clock-early-title = This machine's clock is wrong
nag-clock-early-text = It says a date before this program was made; its battery may be dead. Set date and time before writing.
nag-clock-off-ahead-text = It stands { $span } ahead of those of most sites that this one has met, { $peer } among them. Check date and time before writing.
nag-clock-off-behind-text = It stands { $span } behind those of most sites that this one has met, { $peer } among them. Check date and time before writing.
nag-clock-off-ahead-only-text = It stands { $span } ahead of that of { $peer }, the only site that this one has met: one of the two is wrong. Check date and time here before writing.
nag-clock-off-behind-only-text = It stands { $span } behind that of { $peer }, the only site that this one has met: one of the two is wrong. Check date and time here before writing.
nag-silent-title = This site has exchanged nothing for { $span }
nag-silent-text = No other site was heard in that time. What was entered here since is not known to have reached anybody, and nothing new arrives. Is there a connection?
nag-stale-title = { $form ->
    [one] One site has not synced for { $span }
   *[other] { $count } sites have not synced for { $span }
}
nag-stale-text = What was entered there since may be missing here, and what was entered here may be missing there. Under “How all sites stand” it says which, and why.
nag-clock-ahead-title = This machine's clock may be wrong
nag-clock-ahead-text = It stands { $span } ahead of that of { $peer }, and by it alone permissions have ended, so that nothing is exchanged. Check date and time.
nag-quarantined-title = { $form ->
    [one] One arrived record did not pass its checks
   *[other] { $count } arrived records did not pass their checks
}
nag-grant-title = This site's permission to receive ends soon
nag-grant-text = It ends in { $span }. Sync with a site that invites others before: that renews it.
nag-grant-over-title = This site receives nothing new
nag-grant-over-text = Its permission has ended. What is entered here is handed on as before. Sync with a site that invites others: that renews it. Where none is left, the network's root file makes another one: chaski issuer add.
nag-awaiting-title = { $form ->
    [one] One arrived change waits
   *[other] { $count } arrived changes wait
}
nag-awaiting-text = They come in by themselves once this node hears that whoever wrote them belongs to the network.
nag-issuer-title = One site alone invites others
nag-issuer-text = It is { $peer }. If it is lost, permissions to receive end from { $date } on, and no new site can join.
nag-issuer-here-text = It is this one. If it is lost, permissions to receive end from { $date } on, and no new site can join.
nag-issuer-over-text = { $form ->
    [one] It is { $peer }. One site's permission to receive has ended ({ $date }), and it alone renews it. If it is lost, no new site can join.
   *[other] It is { $peer }. { $count } sites' permissions to receive have ended (the first: { $date }), and it alone renews them. If it is lost, no new site can join.
}
nag-issuer-here-over-text = { $form ->
    [one] It is this one. One site's permission to receive has ended ({ $date }), and it alone renews it. If it is lost, no new site can join.
   *[other] It is this one. { $count } sites' permissions to receive have ended (the first: { $date }), and it alone renews them. If it is lost, no new site can join.
}
nag-issuer-add = Make another one beside it.
nag-issuer-untold = To be another one, and not told yet: { $sites }. It renews nobody until it has been in sync.
nag-quarantined-text = They stand aside and harm nothing, but this node does not have everything yet.

peers-heading = Other sites
peers-none = This node has not met another one yet.
peer-heard = Last contact:
peer-by-file = (by file)
peer-never = Never heard from
peer-in-sync = In sync
peer-connected = Connected, not in sync
peer-silent = Not answering
peer-was-in-sync = Was in sync:
peer-never-in-sync = Never in sync
peer-revoked = Taken out of the network
peer-away = Away
peer-never-met = Never met
peer-clock-ahead = Its clock is { $span } ahead
peer-clock-behind = Its clock is { $span } behind
peer-clock-ahead-then = When last heard, its clock was { $span } ahead of this one
peer-clock-behind-then = When last heard, its clock was { $span } behind this one
peer-clock-ahead-here = Its clock is { $span } ahead of this machine's, which may be the wrong one
peer-clock-behind-here = Its clock is { $span } behind this machine's, which may be the wrong one
peer-grant-soon = Its permission to receive ends in { $span }: before that it has to sync with a site that invites others
peer-grant-soon-here = Its permission to receive ends in { $span }: before that it has to sync with this site, which renews it
peer-grant-over = It has no permission to receive: it is given nothing until it has synced with a site that invites others
peer-grant-over-since = Its permission ended: { $date }. It is given nothing until it has synced with a site that invites others
peer-grant-over-here = It has no permission to receive: it is given nothing until it has synced with this site, which renews it
peer-grant-over-since-here = Its permission ended: { $date }. It is given nothing until it has synced with this site, which renews it
peer-grant-over-itself = Its permission ended: { $date }. It is given nothing until it is back, and renews it by itself then
peer-own-grant-over = This site has no permission to receive: that one gives it nothing
peer-own-grant-over-since = This site's permission ended: { $date }. That one gives it nothing
peer-clock-stops = Its clock is { $span } ahead; by it this site's permission has ended, and it gives nothing. Its date and time have to be set right
peer-clock-stops-then = When last heard, its clock was { $span } ahead; by it this site's permission has ended, and it gives nothing. Its date and time have to be set right
peer-own-clock-stops-then = When that one was last heard, this machine's clock was { $span } ahead of its; by it that site's permission has ended, and it is given nothing. Check date and time here
peer-own-clock-stops = This machine's clock is { $span } ahead of that one's; by it that site's permission has ended, and it is given nothing. Check date and time here
peer-own-clock-unmet = By this machine's clock, which is { $span } ahead of that of others, its permission to receive has ended, and it is given nothing. Whether it has is not known: check date and time here
peer-quarantined = { $form ->
    [one] One record refused
   *[other] { $count } records refused
}
node-role-clinic = Clinic
node-role-mobile = Mobile team
node-role-hub = Regional hub
node-heading = This site
node-name = Name
node-records = Records
node-fingerprint = Fingerprint
node-clock = Clock
node-zone-unread = UTC: this machine's time zone could not be read

role-administrator = administrator
role-clinician = clinician
role-reader = reader
role-operator = operator
role-system = system

date-day = { $day } { $month } { $year }
date-month = { $month } { $year }
date-at = { $day }, { $time }
date-today = today { $time }
date-unknown = unknown
month-1 = Jan
month-2 = Feb
month-3 = Mar
month-4 = Apr
month-5 = May
month-6 = Jun
month-7 = Jul
month-8 = Aug
month-9 = Sep
month-10 = Oct
month-11 = Nov
month-12 = Dec
ago-now = just now
ago-ahead = { $span } ahead of this clock
ago-minutes = { $form ->
    [one] a minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $form ->
    [one] an hour ago
   *[other] { $count } hours ago
}
ago-days = { $form ->
    [one] a day ago
   *[other] { $count } days ago
}
span-minutes = { $form ->
    [one] one minute
   *[other] { $count } minutes
}
span-hours = { $form ->
    [one] one hour
   *[other] { $count } hours
}
span-days = { $form ->
    [one] one day
   *[other] { $count } days
}

unlock-title = This node is locked
unlock-lead = After a start the records stay sealed until someone with the passphrase opens them.
unlock-field = Passphrase or recovery words
unlock-submit = Unlock
unlock-wrong = That does not open it. Mind capitals and spaces.
unlock-wait = { $form ->
    [one] Too many attempts. Wait one second.
   *[other] Too many attempts. Wait { $count } seconds.
}
unlock-failed = The store could not be opened. Ask the administrator to run “chaski doctor”.
unlock-done-title = Unlocked
unlock-done-text = The node is starting.
unlock-continue = Continue
