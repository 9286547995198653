# Net::HTTP with set_form.
require_relative "decisions"

run do |files|
  request = Net::HTTP::Post.new(ADDRESS)
  form = files.map { |name, path| [name, File.open(path), { content_type: "text/plain" }] }
  request.set_form(form, "multipart/form-data")
  request
end
