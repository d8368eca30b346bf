# The demo page.
demo-name = Chaski demo
demo-title = Three sites, one record
demo-lead = A clinic, a mobile team and a regional hub share one health record. Each keeps working alone, and they agree again when they meet.
demo-step-1 = Pull two cables, so that one site is alone.
demo-step-2 = Change the phone, the dose or the allergies on both sides.
demo-step-3 = Plug the cables in and watch the sites agree.
demo-step-4 = What cannot be merged safely is a conflict: decide it anywhere, once.
demo-cables = Cables
demo-wire = { $a } – { $b }
demo-wire-words = { $names }: { $state }.
demo-wire-on = Plugged in
demo-wire-joining = Plugged in, meeting…
demo-wire-off = Pulled
demo-pull = Pull the cable
demo-plug = Plug it in
demo-same = All hold the same
demo-differ = They differ
demo-people = People
demo-records = { $form ->
    [one] One record
   *[other] { $count } records
}
demo-open = Open
demo-other = Differs
demo-add = Add
demo-not-here = This person has not arrived here yet.
demo-said-saved = Saved on { $node }.
demo-said-decided = Decided on { $node }.
demo-said-pulled = Cable pulled.
demo-said-plugged = Cable plugged in.
demo-said-refused = { $node } did not accept this. Check what you typed.
demo-said-stale = { $node } has changed meanwhile. Please look again.
