# Records by stick or mail.
bundle-title = By stick or mail
bundle-lead = Where no network reaches, records travel in a sealed file. Only the sites that it is written for can open it, so a lost stick tells nobody anything.

bundle-write-heading = Send a file
bundle-write-to = For which sites?
bundle-write-nobody = There is no other site yet that may receive records.
bundle-write-over = May receive nothing until its permission is renewed
field-bundle-all = Everything, not only what is new
hint-bundle-all = A larger file. For a site that lost records or was told that something is missing.
bundle-write-submit = Save the file
bundle-written = { $form ->
    [one] The file for { $sites } was written { $time }: one record is in it.
   *[other] The file for { $sites } was written { $time }: { $count } records are in it.
}
bundle-written-nothing = The file for { $sites } was written { $time }: there was nothing new for it, so no record is in it.

bundle-read-heading = Take a file in
field-bundle-file = File from another site
hint-bundle-file = Its name usually ends in .chaski. To take the same file in twice does no harm.
bundle-read-submit = Take it in

bundle-taken = The file from { $site } was read
bundle-made = Written
bundle-records = Records in it
bundle-changes = Changes in it
bundle-new = New or changed here
bundle-in-sync = This site now holds what { $site } held then.
bundle-gap = It builds on records that never came here. Ask { $site } for a file with everything.
bundle-refused = { $form ->
    [one] One change was refused; the rest was taken in.
   *[other] { $count } changes were refused; the rest was taken in.
}
bundle-quarantined = { $form ->
    [one] One change was set aside; the rest was taken in.
   *[other] { $count } changes were set aside; the rest was taken in.
}
bundle-awaiting = { $form ->
    [one] One change waits until this site hears that whoever wrote it belongs to the network.
   *[other] { $count } changes wait until this site hears that whoever wrote them belongs to the network.
}
bundle-problems = What was wrong with them, for the administrator
bundle-partly-taken = What stood before that was taken in; a good copy of the file brings the rest.
bundle-nothing-taken = Nothing of it was taken in.

bundle-fault-none = This is no file of another site.
bundle-fault-version = The file was written by another version of Chaski, which this one does not read.
bundle-fault-network = The file is of another network.
bundle-fault-not-for = The file is not for this site. Whoever wrote it has to choose this site too.
bundle-fault-own = This site wrote the file itself. The sites that it was written for take it in.
bundle-fault-empty = The file is empty. It may not have been copied whole: copy it again from where it was written.
bundle-fault-altered = The file was altered or damaged on its way.
bundle-fault-cut = The file is cut: its end is missing. It may not have been copied whole.
bundle-fault-extended = Something was added behind the end of the file.
bundle-fault-malformed = The file is not what a node writes.

bundle-problem = That did not work
bundle-failed-nobody = Choose at least one site.
bundle-failed-no-file = Choose the file first.
bundle-failed-form-old = The form was too old. Nothing was taken in: choose the file again.
bundle-failed-stranger = The file was written by { $site }, which is not known as a site of this network. Nothing of it was taken in.
bundle-failed-revoked = The file was written by { $site }, which was taken out of this network. Nothing of it was taken in.
bundle-failed-recipients = No file can be written for these sites: one of them may receive nothing more, or there is nothing that all of them may hold. Choose others, or one at a time.
bundle-failed-awaiting = This site does not know yet who wrote much of it, and more of that than may wait here. What was taken in by then is kept. Sync with another site, then take the same file in again.
bundle-failed-disk-full = The disk is nearly full. What was taken in by then is kept. Once there is space, take the same file in again.
bundle-failed-interrupted = The file did not come through. What was taken in by then is kept: take the same file in again.
bundle-failed-busy = This node is busy with other files. Wait a moment and try again.
