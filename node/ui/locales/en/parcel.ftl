# Records by stick or mail.
parcel-title = By stick or mail
parcel-lead = Where no network reaches, records travel in a sealed file. Only the sites that it is written for can open it, so a lost stick tells nobody anything.

parcel-write-heading = Send a file
parcel-write-to = For which sites?
parcel-write-nobody = There is no other site yet that may receive records.
parcel-write-over = May receive nothing until its permission is renewed
field-parcel-all = Everything, not only what is new
hint-parcel-all = A larger file. For a site that lost records or was told that something is missing.
parcel-write-submit = Save the file
parcel-written = { $form ->
    [one] The file for { $sites } was written { $time }: one record is in it.
   *[other] The file for { $sites } was written { $time }: { $count } records are in it.
}
parcel-written-nothing = The file for { $sites } was written { $time }: there was nothing new for it, so no record is in it.

parcel-read-heading = Take a file in
field-parcel-file = File from another site
hint-parcel-file = Its name usually ends in .chaski. To take the same file in twice does no harm.
parcel-read-submit = Take it in

parcel-taken = The file from { $site } was read
parcel-made = Written
parcel-records = Records in it
parcel-changes = Changes in it
parcel-new = New or changed here
parcel-in-sync = This site now holds what { $site } held then.
parcel-gap = It builds on records that never came here. Ask { $site } for a file with everything.
parcel-refused = { $form ->
    [one] One change was refused; the rest was taken in.
   *[other] { $count } changes were refused; the rest was taken in.
}
parcel-quarantined = { $form ->
    [one] One change was set aside; the rest was taken in.
   *[other] { $count } changes were set aside; the rest was taken in.
}
parcel-awaiting = { $form ->
    [one] One change waits until this site hears that whoever wrote it belongs to the network.
   *[other] { $count } changes wait until this site hears that whoever wrote them belongs to the network.
}
parcel-problems = What was wrong with them, for the administrator
parcel-partly-taken = What stood before that was taken in; a good copy of the file brings the rest.
parcel-nothing-taken = Nothing of it was taken in.

parcel-fault-none = This is no file of another site.
parcel-fault-version = The file was written by another version of Chaski, which this one does not read.
parcel-fault-network = The file is of another network.
parcel-fault-not-for = The file is not for this site. Whoever wrote it has to choose this site too.
parcel-fault-own = This site wrote the file itself. The sites that it was written for take it in.
parcel-fault-empty = The file is empty. It may not have been copied whole: copy it again from where it was written.
parcel-fault-altered = The file was altered or damaged on its way.
parcel-fault-cut = The file is cut: its end is missing. It may not have been copied whole.
parcel-fault-extended = Something was added behind the end of the file.
parcel-fault-malformed = The file is not what a node writes.

parcel-problem = That did not work
parcel-failed-nobody = Choose at least one site.
parcel-failed-no-file = Choose the file first.
parcel-failed-form-old = The form was too old. Nothing was taken in: choose the file again.
parcel-failed-stranger = The file was written by { $site }, which is not known as a site of this network. Nothing of it was taken in.
parcel-failed-revoked = The file was written by { $site }, which was taken out of this network. Nothing of it was taken in.
parcel-failed-recipients = No file can be written for these sites: one of them may receive nothing more, or there is nothing that all of them may hold. Choose others, or one at a time.
parcel-failed-awaiting = This site does not know yet who wrote much of it, and more of that than may wait here. What was taken in by then is kept. Sync with another site, then take the same file in again.
parcel-failed-disk-full = The disk is nearly full. What was taken in by then is kept. Once there is space, take the same file in again.
parcel-failed-interrupted = The file did not come through. What was taken in by then is kept: take the same file in again.
parcel-failed-busy = This node is busy with other files. Wait a moment and try again.
